/** What each mail says something about. Links are made here, from PUBLIC_URL and never from a request (docs/hostile.md, 27). */
export interface MailData {
  readonly "verify-email": { readonly firstName: string; readonly token: string };
  readonly "address-known": { readonly firstName: string };
  readonly "reset-password": { readonly firstName: string; readonly token: string };
  readonly "password-changed": { readonly firstName: string };
  readonly invitation: {
    readonly organizationName: string;
    readonly inviterName: string;
    readonly invitationId: string;
    readonly token: string;
  };
}

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
