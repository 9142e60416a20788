/** What each mail says something about. Links are made here, from PUBLIC_URL and never from a request (docs/security/attacks.md, 27). */
export interface MailData {
  /** `again` where the address was registered before and nobody has confirmed it. */
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

/** Data that people have written; a mail shows it as a plain name. */
export const namesInMails = ["firstName", "organizationName", "inviterName", "keyName"] as const;

export type Template = keyof MailData;

/** The words of a mail: a subject, paragraphs, and the label of its one link where it has one. */
export interface Words {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly action?: string;
  /** True where the mail must not be ignored: then nothing says that it may be. */
  readonly important?: boolean;
}

/** Every language has every mail, and a closing line for those that may be ignored. */
export type Language = { readonly [Name in Template]: (data: MailData[Name]) => Words } & { readonly closing: string };
