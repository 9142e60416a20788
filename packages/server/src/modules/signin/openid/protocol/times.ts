/** The lifetimes of the provider's models, in seconds, with their reasons. */
export const seconds = {
  /** A code is redeemed at once by the application that it was sent to (RFC 6749 §4.1.2 recommends ten minutes at most). */
  authorizationCode: 60,
  /** A user enters the code of a device on another device (RFC 8628 §3.2). */
  deviceCode: 600,
  /** A user signs in, with a second factor from a mail. */
  interaction: 3_600,
  /** The browser is sent to the authorization endpoint at once (RFC 9126 §2.2 suggests 5 to 600 seconds). */
  pushedRequest: 60,
  /** An ID token is read once, at the sign-in; as a hint it is accepted after it has expired. */
  idToken: 3_600,
} as const;
