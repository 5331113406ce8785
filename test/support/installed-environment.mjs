import { join } from "node:path";
import process from "node:process";
import ProgramsEnvironment from "./programs-environment.mjs";

/** The tests run against the installed prefix of this run, in place of the checkout's own home. */
export default class InstalledEnvironment extends ProgramsEnvironment {
  async setup() {
    await super.setup();
    this.global.process.env.FLAME_TEST_HOME = join(process.env.FLAME_TEST_INSTALLED, "prefix");
  }
}
