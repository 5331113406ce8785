#!/usr/bin/env node
// What `npx flame-ts` says: the package is the SDK, and a cluster is something else to install.
console.error(`flame-ts is the TypeScript SDK of Flame. It has no programs: import flame-ts/client or flame-ts/service.

A cluster to use it with is not on npm. To have one on this machine:
  1. install Node.js 20.19 or newer, Python 3.12 or newer, and a C++ compiler;
  2. get the sources of Flame for TypeScript, and run npm start in their folder.
It then serves http://127.0.0.1:8080, where flame-ts/client looks first. scripts/install.sh of the sources installs it for good.`);
process.exitCode = 1;
