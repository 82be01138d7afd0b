"""AccountsService: what its parts answer."""

from services.accounts.orgs.parts import InOrgs
from services.accounts.sign_in.parts import SignIn
from services.accounts.sign_in.refusals import Refusals


class AccountsService:
    """Hands each RPC of `pug.accounts.v1.AccountsService` on to the part that answers it."""

    def __init__(self, sign_in: SignIn, in_orgs: InOrgs, refusals: Refusals) -> None:
        """The parts."""
        counted = refusals.counted
        self.sign_up = counted(sign_in.by_password.sign_up)
        self.sign_in = counted(sign_in.by_password.sign_in)
        self.request_magic_link = counted(sign_in.by_link.request_magic_link)
        self.complete_magic_link = counted(sign_in.by_link.complete_magic_link)
        self.start_oidc = sign_in.by_oidc.start_oidc
        self.complete_oidc = counted(sign_in.by_oidc.complete_oidc)
        self.refresh_session = counted(sign_in.staying.refresh_session)
        self.sign_out = sign_in.staying.sign_out
        self.get_me = sign_in.me.get_me
        self.update_me = sign_in.me.update_me
        self.list_my_sessions = sign_in.me.list_my_sessions
        self.end_my_session = sign_in.me.end_my_session

        self.create_org = in_orgs.orgs.create_org
        self.list_orgs = in_orgs.orgs.list_orgs
        self.update_org = in_orgs.orgs.update_org
        self.list_members = in_orgs.members.list_members
        self.set_member_role = in_orgs.members.set_member_role
        self.remove_member = in_orgs.members.remove_member
        self.leave_org = in_orgs.members.leave_org
        self.invite_member = in_orgs.invitations.invite_member
        self.list_invitations = in_orgs.invitations.list_invitations
        self.revoke_invitation = in_orgs.invitations.revoke_invitation
        self.accept_invitation = in_orgs.invitations.accept_invitation
        self.create_project = in_orgs.projects.create_project
        self.list_projects = in_orgs.projects.list_projects
        self.get_project = in_orgs.projects.get_project
        self.update_project = in_orgs.projects.update_project
        self.delete_project = in_orgs.deletions.delete_project
        self.get_project_deletion = in_orgs.deletions.get_project_deletion
        self.list_project_deletions = in_orgs.deletions.list_project_deletions
        self.create_api_key = in_orgs.keys.create_api_key
        self.list_api_keys = in_orgs.keys.list_api_keys
        self.revoke_api_key = in_orgs.keys.revoke_api_key
        self.list_audit_entries = in_orgs.audit_log.list_audit_entries
