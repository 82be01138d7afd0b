"""AccountsService: what its parts answer."""

from services.accounts.audit_log import AuditLog
from services.accounts.keys import Keys
from services.accounts.orgs.invitations import Invitations
from services.accounts.orgs.members import Members
from services.accounts.orgs.own import OwnOrgs
from services.accounts.projects import Projects
from services.accounts.sign_in.parts import SignIn


class AccountsService:
    """Hands each RPC of `pug.accounts.v1.AccountsService` on to the part that answers it."""

    def __init__(  # noqa: PLR0917 (each is another part)
        self,
        sign_in: SignIn,
        orgs: OwnOrgs,
        members: Members,
        invitations: Invitations,
        projects: Projects,
        keys: Keys,
        audit_log: AuditLog,
    ) -> None:
        """The parts."""
        self.sign_up = sign_in.by_password.sign_up
        self.sign_in = sign_in.by_password.sign_in
        self.request_magic_link = sign_in.by_link.request_magic_link
        self.complete_magic_link = sign_in.by_link.complete_magic_link
        self.start_oidc = sign_in.by_oidc.start_oidc
        self.complete_oidc = sign_in.by_oidc.complete_oidc
        self.refresh_session = sign_in.staying.refresh_session
        self.sign_out = sign_in.staying.sign_out
        self.get_me = sign_in.me.get_me
        self.update_me = sign_in.me.update_me
        self.list_my_sessions = sign_in.me.list_my_sessions
        self.end_my_session = sign_in.me.end_my_session

        self.create_org = orgs.create_org
        self.list_orgs = orgs.list_orgs
        self.update_org = orgs.update_org
        self.list_members = members.list_members
        self.set_member_role = members.set_member_role
        self.remove_member = members.remove_member
        self.leave_org = members.leave_org
        self.invite_member = invitations.invite_member
        self.list_invitations = invitations.list_invitations
        self.revoke_invitation = invitations.revoke_invitation
        self.accept_invitation = invitations.accept_invitation
        self.create_project = projects.create_project
        self.list_projects = projects.list_projects
        self.get_project = projects.get_project
        self.update_project = projects.update_project
        self.create_api_key = keys.create_api_key
        self.list_api_keys = keys.list_api_keys
        self.revoke_api_key = keys.revoke_api_key
        self.list_audit_entries = audit_log.list_audit_entries
