import { englishForScripts } from "./texts-scripts.ts";

/** Every text of the pages, in English. Its type is the type of each other language: see texts-vi.ts. */
export const english = {
  footer: { api: "API", inbox: "Development inbox" },
  needsScript: "This page needs JavaScript, which is switched off in your browser.",

  start: {
    title: "Gatehouse",
    lead: "Identity, access and integration for multi-tenant products. The server is running.",
    address: "Its address, as issuer and in mails:",
    api: "API reference",
    apiSays: "Every operation, to read and to try.",
    inbox: "Development inbox",
    inboxSays: "The mails that would have been sent.",
    health: "Readiness",
    healthSays: "Whether this server and all that it depends on can answer.",
    errors: "Error codes",
    errorsSays: "What each code means and what to do about it.",
    signIn: "Sign in",
    signInSays: "With your account on this server.",
    guide: "Guide",
    guideSays: "Start with the file README.md of the installation.",
    firstStart: "On the first start a set-up link was printed where the server was started. It creates the first administrator.",
  },

  setup: {
    title: "Set up Gatehouse",
    lead: "Create the first administrator of this installation. The link works once.",
    submit: "Create administrator",
    doneTitle: "Gatehouse is set up",
    done: "The administrator has been created and can sign in now.",
    next: "Go to the API reference",
  },

  verify: {
    title: "Confirm your address",
    lead: "Enter the password that was chosen when this address was registered, to confirm that you registered it.",
    submit: "Confirm my address",
    toChoose: "I did not register, or do not know the password",
    chooseTitle: "Choose a password",
    chooseLead: "The mail shows that this address is yours. The password that you choose here is the only one that is valid afterwards.",
    choose: "Confirm and save password",
    toConfirm: "I know the password",
    doneTitle: "Your address is confirmed",
    done: "Thank you. You can sign in now, and close this page.",
  },

  reset: {
    title: "Choose a new password",
    lead: "The link works once. Afterwards only the new password is valid.",
    submit: "Save new password",
    doneTitle: "Your password has been changed",
    done: "Use the new password the next time you sign in. You can close this page.",
  },

  /** Shared by the pages that first ask whether their reader is signed in. */
  check: {
    waiting: "Checking whether you are signed in…",
    retry: "Try again",
  },

  signIn: {
    title: "Sign in",
    submit: "Sign in",
    forgot: "Forgot your password?",
    resend: "Send the mail again",
    resent: "If {email} still has to be confirmed, a new mail is on its way.",
    signedInTitle: "You are signed in",
    signedInAs: "You are signed in as",
    continue: "Continue",
    otherAccount: "Use another account",
    signOut: "Sign out",
    signedOutTitle: "You are signed out",
    signedOut: "Your session has ended. You can close this page.",
    again: "Sign in again",
  },

  forgot: {
    title: "Forgot your password?",
    lead: "Enter the e-mail address of your account. We send a link to choose a new password.",
    submit: "Send the link",
    back: "Back to sign-in",
    doneTitle: "Read your mail",
    done: "If {email} has an account, a mail with the link arrives within a few minutes. Look in the folder for spam, too.",
    otherAddress: "Use another address",
  },

  /** `{client}` is the name of the application. */
  interaction: {
    title: "Sign in",
    lead: "Sign in to continue to {client}.",
    accountTitle: "Continue with this account?",
    accountLead: "You are signed in already. {client} asks who you are.",
    organizationTitle: "Choose an organization",
    organizationLead: "{client} works with the data of the organization that you choose.",
    noOrganization: "This account is not a member of an organization. Use another account, or ask an administrator for an invitation.",
    consentTitle: "Allow access?",
    consentLead: "{client} asks for permission to:",
    inOrganization: "In the organization",
    trust: "Allow only applications that you know and trust.",
    policy: "Privacy policy",
    terms: "Terms of service",
    allow: "Allow",
    deny: "Deny",
    cancel: "Cancel",
    expiredTitle: "This sign-in has expired",
    expired: "Go back to the application and start again there. This page cannot continue.",
  },

  device: {
    title: "Connect a device",
    lead: "Enter the code that your device shows.",
    code: "Code",
    codeHint: "Letters and digits, such as BCDF-GHJK. Capital letters are not needed.",
    continue: "Continue",
    signInLead: "Sign in to connect the device.",
    confirmTitle: "Connect this device?",
    compare: "Compare the code with the one on your device:",
    warning:
      "Continue only if you started this yourself, on a device in front of you. If another person sent you this code, deny: that person would get access to your account.",
    consentLead: "{client} on this device asks for permission to:",
    allow: "Connect",
    deny: "Deny",
    doneTitle: "The device is connected",
    done: "Continue on your device. You can close this page.",
    deniedTitle: "The device was not connected",
    denied: "It has no access to your account. You can close this page.",
    otherCode: "Enter another code",
  },

  signOut: {
    title: "Sign out?",
    leadOfClient: "{client} asks to sign you out.",
    lead: "Your session here ends, and the applications that use it are told.",
    stay: "Stay signed in",
    stayedTitle: "You are still signed in",
    stayed: "Nothing has changed. You can close this page.",
    expiredTitle: "This question has expired",
    expired: "Go back to the application and sign out there again.",
  },

  invitation: {
    title: "Your invitation",
    signInTitle: "Sign in to accept",
    signInLead: "Sign in with the e-mail address that the invitation was sent to.",
    noAccount: "No account yet?",
    toRegister: "Create an account",
    registerTitle: "Create an account",
    registerLead: "Use the e-mail address that the invitation was sent to.",
    register: "Create account",
    haveAccount: "Already have an account?",
    toSignIn: "Sign in",
    registered: "We have written to {email}. Follow that mail, then come back to this page and sign in.",
    acceptTitle: "Accept the invitation",
    accept: "Accept invitation",
    sessionEnded: "You are no longer signed in. Please sign in again.",
    doneTitle: "Welcome",
    done: "You have accepted the invitation and are a member now. You can close this page.",
  },

  incompleteLink: {
    title: "This link is not complete",
    lead: "Part of the address is missing. Open the complete link that you received, or ask for a new one.",
  },

  fields: {
    email: "E-mail address",
    password: "Password",
    newPassword: "New password",
    firstName: "First name",
    lastName: "Last name",
    /** Whether the family name comes first, as in the reader's language. */
    familyNameFirst: false,
    showPassword: "Show password",
    passwordHint: "At least 8 characters. A long one is a good one: several words that do not belong together.",
  },

  inbox: {
    title: "Development inbox",
    note: "This page exists only because no SMTP_URL is set: mails are stored here instead of being sent. Everyone who can open this page can read them.",
    empty: "No mail yet. What the server would send appears here by itself.",
    to: "To",
    htmlVersion: "HTML version",
    json: "The same as JSON",
    newest: "Newest first, at most 200.",
  },

  docs: {
    title: "API reference",
    loading: "Loading the API reference…",
    raw: "The description as a file: openapi.json",
  },

  errors: {
    listTitle: "Error codes",
    listLead: "Codes are stable: a program may rely on them. Messages may be reworded.",
    status: "Status",
    whatNow: "What to do",
    all: "All error codes",
    unknownTitle: "Unknown error code",
    unknown: "This version of the server has no error with this code:",
    help: {
      400: "Correct the request. The “details” of the answer name each field and the rule that it violates.",
      401: "Send a valid credential: sign in again, refresh the access token, or check the API key.",
      403: "The caller is known but not allowed to do this. Someone with the right to give permissions has to grant it.",
      404: "Check the identifier and the organization. The data of another organization looks as if it did not exist.",
      409: "The request conflicts with the current state. Read the resource again, then decide.",
      412: "The resource was changed in the meantime. Read it again and repeat the change with the new ETag.",
      413: "Send less in one request.",
      415: "Send the body as application/json.",
      429: "Wait for the seconds that the header “Retry-After” names, then try again.",
      500: "The error is on the server. Its operator finds the cause in the log by the “traceId” of the answer.",
      503: "A service that the server depends on is unavailable. Try again after a moment, with growing pauses.",
      other: "The “details” of the answer say more.",
    },
  },

  browser: englishForScripts,
};

export type Texts = typeof english;
