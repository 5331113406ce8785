import { TestEnvironment } from "jest-environment-node";

/** Callbacks that run when a test failed, before its clean-up: clusters print their logs. */
const onFailure = Symbol.for("flame.test.onFailure");

/** Node, and a way for the support code to hear of failures. */
export default class ProgramsEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    this.global[onFailure] = new Set();
  }

  handleTestEvent(event) {
    const failed =
      (event.name === "test_done" && event.test.errors.length > 0) ||
      (event.name === "hook_failure" && event.hook.type === "beforeAll");
    if (failed) for (const tell of this.global[onFailure]) tell();
  }
}
