/** The data of each mail. Links are built from PUBLIC_URL, never from a request (docs/security/attacks.md, 27). */
export interface MailData {
  /** `again` if the address was registered before and is not confirmed. */
  readonly "verify-email": { readonly firstName: string; readonly token: string; readonly again?: boolean };
  readonly "address-known": { readonly firstName: string };
  readonly "address-check": { readonly firstName: string };
  readonly "reset-password": { readonly firstName: string; readonly token: string };
  readonly "password-changed": { readonly firstName: string };
  readonly "api-key-leaked": { readonly firstName: string; readonly keyName: string; readonly keyPrefix: string };
  readonly invitation: {
    readonly organizationName: string;
    readonly inviterName: string;
    readonly invitationId: string;
    readonly token: string;
  };
}

/** Data that users have written; a mail shows it as a plain name. */
export const namesInMails = ["firstName", "organizationName", "inviterName", "keyName"] as const;

export type Template = keyof MailData;

/** The text of a mail: a subject, paragraphs, and the label of its link if it has one. */
export interface Words {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly action?: string;
  /** Leaves out the closing line that says that the mail may be ignored. */
  readonly important?: boolean;
}

/** Every language has every mail, and a closing line for those that may be ignored. */
export type Language = { readonly [Name in Template]: (data: MailData[Name]) => Words } & { readonly closing: string };
