#!/usr/bin/env node
import { processContext } from "../cli/context.ts";
import { flmctl } from "../cli/flmctl/program.ts";
import { processTerminal } from "../cli/output/terminal.ts";
import { readEnv } from "../config/env.ts";

const context = processContext({ terminal: processTerminal(), env: readEnv() });
process.exitCode = await flmctl(process.argv.slice(2), context);
