"""Orgs, and what belongs to one, as a whole."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.accounts.audit_log import AuditLog
from services.accounts.credentials import Credentials
from services.accounts.keys import Keys
from services.accounts.mail import Mailer
from services.accounts.orgs.invitations import Invitations
from services.accounts.orgs.members import Members
from services.accounts.orgs.own import OwnOrgs
from services.accounts.orgs.sendings import Sendings
from services.accounts.project_deletions import ProjectDeletions
from services.accounts.projects import Projects
from services.accounts.sign_in.letters import Letters
from services.accounts.sign_in.parts import Policy, SignIn


@dataclass(frozen=True, slots=True)
class InOrgs:
    """The parts that answer."""

    orgs: OwnOrgs
    members: Members
    invitations: Invitations
    projects: Projects
    deletions: ProjectDeletions
    keys: Keys
    audit_log: AuditLog


def org_parts(
    postgres: AsyncEngine, policy: Policy, mailer: Mailer, sign_in: SignIn, *, credentials: Credentials, now: Callable[[], datetime]
) -> InOrgs:
    """All parts over one PostgreSQL; what they change is looked up anew in the credentials."""
    letters, forget = Letters(policy.public_url), credentials.forget
    return InOrgs(
        OwnOrgs(postgres, forget, policy.quotas),
        Members(postgres, forget),
        Invitations(
            postgres,
            mailer,
            Sendings(time.monotonic),
            letters,
            sign_in.newcomers,
            sign_in.sessions,
            policy.mail_proves,
            forget,
            now,
            policy.quotas,
        ),
        Projects(postgres, credentials.forget_org, credentials.forget_project, policy.quotas),
        ProjectDeletions(postgres, credentials.forget_org, credentials.forget_project),
        Keys(postgres, forget, now, policy.quotas),
        AuditLog(postgres),
    )
