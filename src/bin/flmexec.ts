#!/usr/bin/env node
import { processContext } from "../cli/context.ts";
import { flmexec } from "../cli/flmexec/program.ts";
import { processTerminal } from "../cli/output/terminal.ts";
import { readEnv } from "../config/env.ts";

const context = processContext({ terminal: processTerminal(), env: readEnv() });
process.exitCode = await flmexec(process.argv.slice(2), context);
