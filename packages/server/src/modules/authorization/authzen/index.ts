import type { ModuleManifest } from "#operation/declaration/module.ts";
import { evaluate } from "./evaluate.ts";
import { evaluateMany } from "./evaluate-many.ts";
import { authzen } from "./module.ts";
import { searchActions } from "./search-actions.ts";
import { searchResources } from "./search-resources.ts";
import { searchSubjects } from "./search-subjects.ts";

export { authzenMetadata, authzenMetadataPath } from "./metadata.ts";
export { authzen };

export const manifest: ModuleManifest = {
  module: authzen,
  operations: [evaluate, evaluateMany, searchSubjects, searchResources, searchActions],
  events: [],
  steps: [],
};
