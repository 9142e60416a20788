/**
 * Cameras in zones in zones: a user may view a camera by a grant on it, by a group with a grant, or by a grant on the parent of its zone.
 * The product uses the engine's index; the reference is hand-written.
 */
import {
  type AuthorizationModel,
  compilePolicy,
  compileRules,
  decide,
  pendingDecision,
  type Relationship,
  RelationshipIndex,
  type ResourceRef,
  View,
} from "@gatehouse/policy";
import type { Contest, Contestant } from "./contest.ts";
import { sequence } from "./random.ts";

const users = 1_000;
const groups = 100;
const parentZones = 20;
const zones = 200;
const cameras = 2_000;
const questionCount = 32_768;
const kinds = ["direct", "group", "zone", "none"] as const;
/** The source of the user's right to view the camera. */
type Kind = (typeof kinds)[number];

const model: AuthorizationModel = {
  resourceTypes: {
    Group: { relations: { member: { subjects: ["user"] } } },
    Zone: {
      relations: { parent: { subjects: ["Zone"] }, viewer: { subjects: ["user"], from: { through: "parent", relation: "viewer" } } },
    },
    Camera: {
      relations: {
        zone: { subjects: ["Zone"] },
        viewer: { subjects: ["user", "Group#member"], from: { through: "zone", relation: "viewer" } },
      },
      permissions: { "Camera.View": { allow: "viewer" } },
    },
  },
};

/** The relations, as numbers. */
interface Site {
  readonly viewersOf: readonly ReadonlySet<number>[];
  readonly groupsOf: readonly (readonly number[])[];
  readonly membersOf: readonly ReadonlySet<number>[];
  readonly zoneOf: readonly number[];
  readonly parentOf: readonly number[];
  readonly viewersOfZone: ReadonlyMap<number, ReadonlySet<number>>;
}

interface RelationQuestion {
  readonly user: number;
  readonly camera: number;
  readonly kind: Kind;
}

/** Questions of one kind, or of all four equally. */
export function relations(kind?: Kind): Contest {
  const random = sequence(3);
  const site = makeSite(random);
  const questions = Array.from({ length: questionCount }, () => ask(site, kind ?? (kinds[random(4)] as Kind), random));
  return {
    ours: gatehouse(site, questions),
    reference: nestedSets(site, questions),
    expected: questions.map((question) => question.kind !== "none"),
  };
}

function makeSite(random: (below: number) => number): Site {
  const some = (count: number, below: number) => new Set(Array.from({ length: count }, () => random(below)));
  const list = <T>(length: number, make: (index: number) => T) => Array.from({ length }, (_, index) => make(index));
  return {
    viewersOf: list(cameras, () => some(5, users)),
    groupsOf: list(cameras, () => [...some(2, groups)]),
    membersOf: list(groups, () => some(20, users)),
    zoneOf: list(cameras, () => parentZones + random(zones - parentZones)),
    parentOf: list(zones, () => random(parentZones)),
    viewersOfZone: new Map(list(parentZones, (zone) => [zone, some(20, users)] as const)),
  };
}

/** Built from the grant, so that the answer is known without an engine. */
function ask(site: Site, kind: Kind, random: (below: number) => number): RelationQuestion {
  const pick = (from: Iterable<number>): number => {
    const all = [...from];
    return all[random(all.length)] as number;
  };
  for (;;) {
    const camera = random(cameras);
    const ways: Record<Exclude<Kind, "none">, readonly number[]> = {
      direct: [...(site.viewersOf[camera] ?? [])],
      group: (site.groupsOf[camera] ?? []).flatMap((group) => [...(site.membersOf[group] ?? [])]),
      zone: [...(site.viewersOfZone.get(site.parentOf[site.zoneOf[camera] as number] as number) ?? [])],
    };
    const user = kind === "none" ? random(users) : pick(ways[kind]);
    const found = kinds.filter((each) => each !== "none" && ways[each].includes(user));
    if (kind === "none" ? found.length === 0 : found.length === 1) return { user, camera, kind };
  }
}

function gatehouse(site: Site, given: readonly RelationQuestion[]): Contestant {
  const policy = compilePolicy(
    [
      { value: "Camera", parent: null },
      { value: "Camera.View", parent: "Camera" },
    ],
    model,
  );
  const role = { id: "guard", name: "guard", rules: compileRules([]) };
  const relationships = new RelationshipIndex(relationshipsOf(site));
  const views = Array.from(
    { length: users },
    (_, user) =>
      new View(policy, { user: { id: `user-${user}`, status: "Active" }, tenant: { id: "site", status: "Active" }, roles: [role] }),
  );
  const questions = given.map(({ user, camera }) => ({
    user,
    context: { resource: { type: "Camera", id: `camera-${camera}` }, relationships },
  }));
  return {
    name: "gatehouse",
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const { user, context } = questions[index] as (typeof questions)[number];
        const decision = decide(views[user] as View, "Camera.View", context);
        if (decision !== pendingDecision && decision.allowed) allowed += 1;
      }
      return allowed;
    },
  };
}

function relationshipsOf(site: Site): Relationship[] {
  const found: Relationship[] = [];
  const put = (resource: ResourceRef, relation: string, subject: Relationship["subject"]) => found.push({ resource, relation, subject });
  const user = (id: number) => ({ type: "user", id: `user-${id}` });
  const zone = (id: number) => ({ type: "Zone", id: `zone-${id}` });
  for (const [index, members] of site.membersOf.entries()) {
    for (const member of members) put({ type: "Group", id: `group-${index}` }, "member", user(member));
  }
  for (const [index, parent] of site.parentOf.entries()) if (index >= parentZones) put(zone(index), "parent", zone(parent));
  for (const [index, viewers] of site.viewersOfZone) for (const viewer of viewers) put(zone(index), "viewer", user(viewer));
  for (let index = 0; index < cameras; index += 1) {
    const camera = { type: "Camera", id: `camera-${index}` };
    put(camera, "zone", zone(site.zoneOf[index] as number));
    for (const viewer of site.viewersOf[index] ?? []) put(camera, "viewer", user(viewer));
    for (const group of site.groupsOf[index] ?? []) put(camera, "viewer", { type: "Group", id: `group-${group}`, relation: "member" });
  }
  return found;
}

/** The same identifiers as strings, and the same steps in the same order; no expiry, no condition, no cycle, no reason. */
function nestedSets(site: Site, given: readonly RelationQuestion[]): Contestant {
  const named = (name: string, ids: Iterable<number>) => new Set(Array.from(ids, (id) => `${name}-${id}`));
  const byName = <T>(name: string, values: readonly T[]) => new Map(values.map((value, index) => [`${name}-${index}`, value]));
  const viewersOf = byName(
    "camera",
    site.viewersOf.map((viewers) => named("user", viewers)),
  );
  const zoneOf = byName(
    "camera",
    site.zoneOf.map((zone) => `zone-${zone}`),
  );
  const groupsOf = byName(
    "camera",
    site.groupsOf.map((ids) => [...named("group", ids)]),
  );
  const membersOf = byName(
    "group",
    site.membersOf.map((members) => named("user", members)),
  );
  const parentOf = new Map([...site.parentOf.entries()].slice(parentZones).map(([zone, parent]) => [`zone-${zone}`, `zone-${parent}`]));
  const viewersOfZone = new Map([...site.viewersOfZone].map(([zone, viewers]) => [`zone-${zone}`, named("user", viewers)]));

  const seesZone = (user: string, zone: string): boolean => {
    if (viewersOfZone.get(zone)?.has(user)) return true;
    const parent = parentOf.get(zone);
    return parent !== undefined && seesZone(user, parent);
  };
  const seesCamera = (user: string, camera: string): boolean => {
    if (viewersOf.get(camera)?.has(user)) return true;
    const zone = zoneOf.get(camera);
    if (zone !== undefined && seesZone(user, zone)) return true;
    for (const group of groupsOf.get(camera) ?? []) if (membersOf.get(group)?.has(user)) return true;
    return false;
  };
  const questions = given.map(({ user, camera }) => ({ user: `user-${user}`, camera: `camera-${camera}` }));
  return {
    name: "nested sets",
    count(from, to) {
      let allowed = 0;
      for (let index = from; index < to; index += 1) {
        const { user, camera } = questions[index] as (typeof questions)[number];
        if (seesCamera(user, camera)) allowed += 1;
      }
      return allowed;
    },
  };
}
