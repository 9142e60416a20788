import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The certification plans whose modules are tests here. */
export const plans = [
  "oidcc-basic-certification-test-plan",
  "oidcc-config-certification-test-plan",
  "oidcc-rp-initiated-logout-certification-test-plan",
  "oidcc-backchannel-rp-initiated-logout-certification-test-plan",
] as const;

/** Modules without a test, each with the reason. */
export const notApplicable: Readonly<Record<string, string>> = {
  "oidcc-idtoken-unsigned":
    "the provider offers no ID token without a signature: `none` is no value of id_token_signing_alg_values_supported",
};

/** The list of the suite's modules by plan. */
export const moduleList = join(process.env["GATEHOUSE_VECTORS"] ?? "../shared/vectors", "oidf/op-test-plan-modules.json");
export const isListThere = existsSync(moduleList);

export function modulesOfPlans(): readonly string[] {
  const listed: Readonly<Record<string, readonly { readonly module: string }[]>> = JSON.parse(readFileSync(moduleList, "utf8"));
  return [...new Set(plans.flatMap((plan) => listed[plan]?.map(({ module }) => module) ?? []))];
}

/** The modules that are named by titles of tests. */
export function testedModules(): readonly string[] {
  const folder = join(import.meta.dirname, "..");
  const texts = globSync("*.test.ts", { cwd: folder }).map((file) => readFileSync(join(folder, file), "utf8"));
  return texts.flatMap((text) => [...text.matchAll(/^\s*it\("(oidcc-[\w-]+):/gm)].map(([, name]) => name as string));
}
