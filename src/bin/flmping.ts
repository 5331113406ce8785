#!/usr/bin/env node
import { processContext } from "../cli/context.ts";
import { flmping } from "../cli/flmping/program.ts";
import { processTerminal } from "../cli/output/terminal.ts";
import { readEnv } from "../config/env.ts";

const context = processContext({ terminal: processTerminal(), env: readEnv() });
process.exitCode = await flmping(process.argv.slice(2), context);
