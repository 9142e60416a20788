import type { OpenidScope } from "#modules/signin/openid/index.ts";

/**
 * The texts of the scripts, in English; see assets/words.js. `{n}` is the number in the server's sentence.
 * Its type is the type of each other language: see texts-scripts-vi.ts.
 */
export const englishForScripts = {
  sending: "One moment…",
  offline: "The server cannot be reached. Check your connection and try again.",
  unexpected: "The server gave an answer that this page does not understand. Try again.",
  reference: "Reference:",
  checkFields: "Please correct the marked fields.",
  badLink: "This link is not valid. Open the link exactly as you received it, or ask for a new one.",
  newMail: "New mail: {subject}",
  newMails: "{n} new mails",
  inboxAway: "The server cannot be reached at the moment. Still trying.",
  again: "You can try again in {time}.",
  fullName: "{firstName} {lastName}",
  /** The scopes that are not permissions, which have descriptions of their own. */
  scopes: {
    openid: "Know who you are on this server",
    profile: "See your name and language",
    email: "See your e-mail address",
    offline_access: "Keep this access while you are not using the application",
    roles: "See your roles in the organization",
    organization: "See the name of the organization",
  } satisfies Readonly<Record<OpenidScope, string>>,
  rules: {
    required: "This field is required.",
    "format:email": "This is not an e-mail address, such as name@example.com.",
    minLength: "At least {n} characters, please.",
    maxLength: "At most {n} characters, please.",
    pattern: "This value does not have the accepted format.",
    text: "This contains a character that cannot be stored.",
    taken: "This address already has an account.",
    match: "This is not the password of this registration.",
    person_name: "A name has no line breaks and no links.",
    not_context: "Attackers try your name, your address and the name of this service first. Please add at least 8 other characters.",
    not_common: "Attackers try this password first. Please choose another one.",
    not_own_address: "The password must not be the e-mail address.",
    bytes_max: "This password is too long: at most {n} bytes.",
    user_code: "This code is not valid or has expired. Check it, or get a new one on the device.",
    other: "Please check this.",
  },
  codes: {
    "common.too_many_requests": "Too many attempts. Wait a little, then try again.",
    "common.outcome_unknown": "No answer came in time. Check whether it was done before you try again.",
    "common.unavailable": "The server cannot answer right now. Try again in a moment.",
    "common.internal": "Something went wrong on our side. Try again; if it happens again, send the reference to the operator.",
    "identity.token_invalid": "This link is not valid. It may have been used already. If you still need one, ask for a new one.",
    "identity.token_expired": "This link has expired. Ask for a new one.",
    "identity.registration_password_wrong": "This is not the password of this registration. You can choose a new one instead.",
    "sessions.authentication_too_old": "Please sign in again first.",
    "identity.email_taken": "This address already has an account. Sign in instead.",
    "tenancy.invitation_not_found":
      "There is no such invitation for this account. Sign in with the address that the invitation was sent to.",
    "tenancy.invitation_expired": "This invitation has expired. Ask for a new one.",
    "tenancy.invitation_revoked": "This invitation was revoked. Ask the person who sent it.",
    "tenancy.invitation_accepted": "This invitation was accepted already. Nothing more is needed.",
    "tenancy.already_member": "You are a member already. Nothing more is needed.",
    "tenancy.set_up_done": "Gatehouse is set up already: it has its first administrator.",
    "tenancy.set_up_token_invalid": "This set-up link is not valid. The newest one was printed when the server was started.",
    "auth.credential_required": "You are not signed in.",
    "tenancy.invitation_for_another": "The invitation is for another address. Sign in with the address that received it.",
    "auth.invalid_credentials": "The e-mail address or the password is not right.",
    "auth.too_many_attempts": "Too many attempts to sign in. Wait a while, or reset the password.",
    "auth.email_not_verified": "Confirm your e-mail address first: the link is in the mail.",
    "auth.user_suspended": "This account is suspended.",
    "auth.organization_suspended": "The organization is suspended.",
    "openid.sign_in_again": "The application asks you to sign in again.",
    "openid.not_your_organization": "This account cannot use the application in this organization. Use another account.",
    "openid.action_not_possible": "This sign-in has moved on, perhaps in another tab. Load this page again.",
    "auth.permission_denied": "You are not allowed to do this.",
    "auth.cross_site_request": "Open this page at its own address, not inside another site, and try again.",
  },
};

export type ScriptTexts = typeof englishForScripts;
