import { beginTestRun } from "../../scripts/lib/test-run.mjs";

/** The suites of one command are one run: the first begins it. */
export default beginTestRun;
