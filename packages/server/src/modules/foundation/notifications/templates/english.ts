import type { Language } from "./templates.ts";

export const english: Language = {
  closing: "If you did not expect this message, you can ignore it.",
  "verify-email": ({ firstName, again }) => ({
    subject: again ? "Confirm your e-mail address (registered again)" : "Confirm your e-mail address",
    paragraphs: [
      `Hello ${firstName},`,
      ...(again
        ? [
            "Someone, perhaps you, has registered this address again. Earlier links still work. Each is for the password that was chosen with it.",
          ]
        : []),
      "Please confirm that this address is yours, so that you can sign in.",
      "The page asks for the password that was chosen at this registration. If you do not know it, choose a new one there.",
    ],
    action: "Confirm my address",
  }),
  "address-known": ({ firstName }) => ({
    subject: "You already have an account",
    paragraphs: [
      `Hello ${firstName},`,
      "Someone, perhaps you, has just tried to register with this address. It already has an account, so nothing was changed.",
      "If it was you, sign in as usual, or reset your password if you have forgotten it.",
    ],
    action: "Go to the start page",
  }),
  "address-check": ({ firstName }) => ({
    subject: "Your address receives our mails",
    paragraphs: [
      `Hello ${firstName},`,
      "An earlier mail could not be delivered to this address. This one was sent to see whether mails arrive again. You need do nothing.",
    ],
  }),
  "reset-password": ({ firstName }) => ({
    subject: "Reset your password",
    paragraphs: [`Hello ${firstName},`, "With this link you choose a new password. It works once, and not for long."],
    action: "Choose a new password",
  }),
  "password-changed": ({ firstName }) => ({
    important: true,
    subject: "Your password was changed",
    paragraphs: [
      `Hello ${firstName},`,
      "The password of your account has just been changed and every session was ended.",
      "If it was not you, reset the password at once and tell your administrator.",
    ],
    action: "Go to the start page",
  }),
  "api-key-leaked": ({ firstName, keyName, keyPrefix }) => ({
    important: true,
    subject: "Your API key has leaked and was revoked",
    paragraphs: [
      `Hello ${firstName},`,
      `The API key ${keyPrefix} (${keyName}) was found where others can read it. It is revoked and no longer works.`,
      "Create a new key, replace the old one wherever it is used, and review the usage of the old one.",
    ],
    action: "Go to the start page",
  }),
  invitation: ({ organizationName, inviterName }) => ({
    subject: `Invitation to ${organizationName}`,
    paragraphs: ["Hello,", `${inviterName} invites you to join ${organizationName}.`, "Sign in or register with this address to accept."],
    action: "Accept the invitation",
  }),
};
