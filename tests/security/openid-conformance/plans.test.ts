import { describe, expect, it } from "vitest";
import { isListThere, moduleList, modulesOfPlans, notApplicable, plans, testedModules } from "./support/modules.ts";

if (!isListThere)
  console.warn(`skipped: the modules of the conformance suite: ${moduleList} is not there; GATEHOUSE_VECTORS names its folder`);

describe.skipIf(!isListThere)("the conformance suite's modules of the certification plans", () => {
  it("each have one test under their name, or a reason for none", () => {
    const [modules, tested] = [modulesOfPlans(), testedModules()];
    expect(modules.length).toBeGreaterThan(plans.length);
    expect(modules.filter((name) => !tested.includes(name) && !(name in notApplicable))).toEqual([]);
    expect(tested.filter((name, index) => tested.indexOf(name) !== index)).toEqual([]);
  });

  it("are the only names of tests, and no reason is left of one with a test", () => {
    const [modules, tested] = [modulesOfPlans(), testedModules()];
    expect(tested.filter((name) => !modules.includes(name))).toEqual([]);
    expect(Object.keys(notApplicable).filter((name) => tested.includes(name) || !modules.includes(name))).toEqual([]);
  });
});
