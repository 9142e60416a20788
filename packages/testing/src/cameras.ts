import type { World } from "./world.ts";

/** Cameras in zones, and groups of users: a model with every kind of relation. */
export const cameraModel = {
  resourceTypes: {
    Group: { relations: { member: { subjects: ["user", "Group#member"] } } },
    Zone: { relations: { guard: { subjects: ["user", "role", "Group#member"] } } },
    Camera: {
      attributes: { floor: "number", public: "boolean" },
      relations: {
        zone: { subjects: ["Zone"] },
        viewer: { subjects: ["user", "user:*", "role", "Group#member"], from: { through: "zone", relation: "guard" } },
        editor: { subjects: ["user"] },
        banned: { subjects: ["user", "role", "Group#member"] },
      },
      permissions: {
        "Camera.View": { allow: { any: ["viewer", "editor"] }, deny: "banned" },
        "Camera.Edit": { allow: "editor", deny: "banned" },
      },
    },
  },
} as const;

/** Defines the permissions of the model, and installs it together with `more` sections. */
export async function installCameras(world: World, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await world.define("Camera", "Camera.View", "Camera.Edit", "Camera.Delete");
  await world.model({ ...cameraModel, ...more });
}
