/** The data of the benchmarks: administrators, users and an organization, created only through the HTTP API. */
import { randomBytes } from "node:crypto";
import { type Api, waitFor } from "./lib/api.ts";
import { at, expectText } from "./lib/http.ts";

const iam = "/api/v1/iam";

export interface Account {
  email: string;
  password: string;
}

export interface SignedIn extends Account {
  userId: string;
  token: string;
}

export interface Organization {
  id: string;
  owner: SignedIn;
  /** The role with Product. */
  roleId: string;
  /** Has one custom role with the permission Product, and so everything below it. */
  member: SignedIn;
}

/** Random, so that no list of known passwords refuses it. */
export function newAccount(name: string): Account {
  const random = randomBytes(9).toString("hex");
  return { email: `${name}-${random}@bench.example`, password: `Bench-${randomBytes(12).toString("hex")}` };
}

export async function register(api: Api, name: string): Promise<Account> {
  const account = newAccount(name);
  const body = { ...account, firstName: "Bench", lastName: "User", locale: "en" };
  await api.post(`${iam}/auth/register`, { body, status: 201 });
  const token = await api.mailedToken(account.email, /verify-email/);
  await api.post(`${iam}/auth/verify-email`, { body: { token }, status: 200 });
  return account;
}

export async function registerMany(api: Api, count: number): Promise<Account[]> {
  const accounts: Account[] = [];
  for (let index = 0; index < count; index += 1) accounts.push(await register(api, `user${index}`));
  return accounts;
}

export async function signIn(api: Api, account: Account, organizationId?: string): Promise<SignedIn> {
  const body = { ...account, ...(organizationId === undefined ? {} : { organizationId }) };
  const answer = await api.post(`${iam}/auth/login`, { body, status: 200 });
  const from = "POST auth/login";
  return { ...account, userId: expectText(from, answer, "user.id"), token: expectText(from, answer, "sessionToken") };
}

/** An organization with the permission tree Product / Product.Create / Product.Read and one member with it by role. */
export async function makeOrganization(api: Api, admin: Account): Promise<Organization> {
  await definePermissions(api, (await signIn(api, admin)).token);

  const ownerAccount = await register(api, "owner");
  const founder = await signIn(api, ownerAccount);
  const slug = `bench-${randomBytes(6).toString("hex")}`;
  const created = await api.post(`${iam}/organizations`, {
    token: founder.token,
    body: { name: "Bench", slug, country: "DE" },
    status: 201,
  });
  const id = expectText("POST organizations", created, "id");
  const owner = await signIn(api, ownerAccount, id);
  const roleId = await makeRole(api, owner.token, id);
  const member = await inviteMember(api, owner.token, id, roleId);
  await waitUntilAllowed(api, member, id);
  return { id, owner, roleId, member };
}

/** An organization whose owner's session may change it, with a role to invite to. */
export interface Owned {
  id: string;
  token: string;
  roleId: string;
}

/** Organizations of one owner. */
export async function makeOwned(api: Api, count: number): Promise<Owned[]> {
  const account = await register(api, "owner");
  const founder = await signIn(api, account);
  const owned: Owned[] = [];
  for (let index = 0; index < count; index += 1) {
    const slug = `bench-${randomBytes(6).toString("hex")}`;
    const body = { name: slug, slug, country: "DE" };
    const created = await api.post(`${iam}/organizations`, { token: founder.token, body, status: 201 });
    const id = expectText("POST organizations", created, "id");
    const { token } = await signIn(api, account, id);
    const role = { name: "Guest", scope: "Organization", organizationId: id };
    owned.push({ id, token, roleId: expectText("POST roles", await api.post(`${iam}/roles`, { token, body: role, status: 201 }), "id") });
  }
  return owned;
}

async function definePermissions(api: Api, token: string): Promise<void> {
  const tree = [{ value: "Product" }, { value: "Product.Create", parent: "Product" }, { value: "Product.Read", parent: "Product" }];
  for (const permission of tree) {
    await api.post(`${iam}/permissions`, { token, body: { ...permission, scope: "Organization" }, status: 201 });
  }
}

async function makeRole(api: Api, token: string, organizationId: string): Promise<string> {
  const body = { name: "Product manager", scope: "Organization", organizationId };
  const roleId = expectText("POST roles", await api.post(`${iam}/roles`, { token, body, status: 201 }), "id");
  await api.post(`${iam}/roles/${roleId}/permissions`, { token, body: { permissions: ["Product"] }, status: 200 });
  return roleId;
}

export async function inviteMember(api: Api, token: string, organizationId: string, roleId: string): Promise<SignedIn> {
  const account = await register(api, "member");
  const path = `${iam}/organizations/${organizationId}/invitations`;
  const invited = await api.post(path, { token, body: { email: account.email, roleId }, status: 201 });
  const invitationId = expectText("POST invitations", invited, "id");
  const invitation = await api.mailedToken(account.email, new RegExp(`/invitations/${invitationId}/accept`));
  const guest = await signIn(api, account);
  const accept = `${iam}/invitations/${invitationId}/accept`;
  await api.post(accept, { token: guest.token, body: { token: invitation }, status: 200 });
  return signIn(api, account, organizationId);
}

/** The projection follows the write; the benchmarks start once it is up to date. */
async function waitUntilAllowed(api: Api, member: SignedIn, organizationId: string): Promise<void> {
  let last = "";
  await waitFor("the member's role to be effective", async () => {
    const body = { userId: member.userId, tenantId: organizationId, actionType: "Product.Create", resourceType: "Product" };
    const answer = await api.post(`${iam}/authorization/check`, { token: member.token, body, status: 200 });
    last = answer.text;
    return at(answer, "isAuthorized") === true ? true : undefined;
  }).catch((error: Error) => {
    throw new Error(`${error.message}; the last check answered ${last}`);
  });
}
