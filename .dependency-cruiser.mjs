// The rooms of ARCHITECTURE.md as rules. kit <- model <- rooms <- composition roots <- bin.
const room = (...names) => `^src/(${names.join("|")})/`;
const ours = "^src/";
const generated = "^src/protocol/generated/";
const roots = ["session-manager", "executor-manager", "object-cache"];
const servers = [
  "core",
  "application-registry",
  "plugins",
  "sessions",
  "scheduler",
  "executors",
  "storage",
  ...roots,
];
const pure = ["core", "sessions", "executors", "scheduler"];
const shell = "-(store|service|client)\\.ts$";

/** One named rule: `from` may not import `to`. */
const forbid = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

export default {
  forbidden: [
    forbid(
      "kit-stands-alone",
      "kit has no domain words, so it can know nothing of ours",
      { path: room("kit") },
      { path: ours, pathNot: room("kit") },
    ),
    forbid(
      "model-knows-only-kit",
      "nouns and rules are shared by every room; whatever they imported, every room would import",
      { path: room("model") },
      { path: ours, pathNot: room("model", "kit") },
    ),
    forbid(
      "kit-and-model-without-packages",
      "no npm packages in kit and model: their users must not inherit any",
      { path: room("kit", "model") },
      { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer"] },
    ),
    forbid(
      "model-without-io",
      "model is values and rules; files, sockets and processes belong to the rooms that own them",
      { path: room("model") },
      { dependencyTypes: ["core"] },
    ),
    forbid(
      "files-know-no-room",
      "what is durable on a disk, and how much room it has, is the same for every room",
      { path: room("files") },
      { path: ours, pathNot: room("files", "model", "kit") },
    ),
    forbid(
      "archives-know-no-room",
      "what a package may hold is the same for who packs it and for who unpacks it",
      { path: room("archives") },
      { path: ours, pathNot: room("archives", "model", "kit") },
    ),
    forbid(
      "documents-know-no-room",
      "reading YAML and checking it against a schema is the same for manifests and configuration",
      { path: room("documents") },
      { path: ours, pathNot: room("documents", "model", "kit") },
    ),
    forbid(
      "manifest-directory-knows-no-registry",
      "a directory of manifests is read the same way for the session manager and for a controller beside another one",
      { path: room("manifest-directory") },
      { path: ours, pathNot: room("manifest-directory", "manifest", "documents", "model", "kit") },
    ),
    forbid(
      "core-is-pure",
      "the deterministic machine decides from commands and values only, so that it can be simulated",
      { path: room(...pure), pathNot: shell },
      { path: ours, pathNot: room(...pure, "application-registry", "manifest", "model", "kit") },
    ),
    forbid(
      "core-without-io",
      "no files, sockets, timers or packages inside the deterministic machine",
      { path: room(...pure), pathNot: shell },
      { dependencyTypes: ["core", "npm", "npm-dev"] },
    ),
    forbid(
      "scheduler-through-ports",
      "the scheduler sees the world only through src/scheduler/ports.ts",
      { path: room("scheduler") },
      { path: room(...pure), pathNot: room("scheduler") },
    ),
    forbid(
      "object-cache-through-client",
      "other rooms reach the object cache over its protocol, as a remote one",
      { path: ours, pathNot: [room("object-cache"), room("bin")] },
      { path: room("object-cache") },
    ),
    forbid(
      "audit-knows-calls-only",
      "the audit log sees calls as they come and go on any listener, and no room behind one",
      { path: room("audit") },
      { path: ours, pathNot: room("audit", "security", "protocol", "config", "model", "kit") },
    ),
    forbid(
      "no-room-imports-a-root",
      "composition roots wire the rooms; a room that knew a root could not be wired differently",
      { path: ours, pathNot: room("bin", ...roots) },
      { path: room(...roots) },
    ),
    forbid(
      "roots-meet-over-the-wire",
      "the daemons are separate processes and share nothing but the protocol",
      { path: `^src/(${roots.join("|")})/` },
      { path: `^src/(${roots.join("|")})/`, pathNot: "^src/$1/" },
    ),
    forbid(
      "nothing-imports-bin",
      "a program's file holds argv, start and exit code: nothing to reuse",
      { path: ours, pathNot: room("bin") },
      { path: room("bin") },
    ),
    forbid(
      "bin-is-thin",
      "a program starts one composition root or the command-line room, with its configuration",
      { path: room("bin") },
      {
        path: ours,
        pathNot: room(
          "bin",
          ...roots,
          "cli",
          "services",
          "observability",
          "config",
          "process",
          "kit",
          "model",
        ),
      },
    ),
    forbid(
      "cli-is-an-ordinary-client",
      "the command-line tools work against any cluster: they may know no server room",
      { path: room("cli") },
      {
        path: ours,
        pathNot: room(
          "cli",
          "client",
          "archives",
          "registry-controller",
          "manifest",
          "documents",
          "files",
          "config",
          "process",
          "model",
          "kit",
        ),
      },
    ),
    forbid(
      "registry-controller-over-published-calls",
      "the controller works beside any session manager: of ours it knows the rules of comparing, through the client alone the calls",
      { path: room("registry-controller") },
      {
        path: ours,
        pathNot: room(
          "registry-controller",
          "manifest-directory",
          "application-registry",
          "client",
          "manifest",
          "documents",
          "files",
          "model",
          "kit",
        ),
      },
    ),
    forbid(
      "client-knows-no-server",
      "the SDK is used by others without the servers",
      { path: room("client") },
      { path: room(...servers, "cli", "bin") },
    ),
    forbid(
      "sdk-is-what-goes-out",
      "the npm package is the client and the service SDK behind one face, and no server comes along",
      { path: room("sdk") },
      {
        path: ours,
        pathNot: room("sdk", "client", "services", "config", "protocol", "model", "kit"),
      },
    ),
    forbid(
      "nothing-imports-the-sdk",
      "the face of the npm package is for others: rooms use client and services themselves",
      { path: ours, pathNot: room("sdk") },
      { path: room("sdk") },
    ),
    forbid(
      "services-use-the-sdk",
      "service programs are ordinary services; they show what the SDK can do",
      { path: room("services") },
      { path: room(...servers, "cli", "bin") },
    ),
    forbid(
      "plugins-see-the-host-only",
      "plugins reach the session manager through the typed host, never its rooms",
      { path: room("plugins") },
      { path: room("core", "sessions", "scheduler", "executors", "storage", ...roots, "cli") },
    ),
    forbid(
      "grpc-in-its-places",
      "gRPC only in protocol, services, clients and composition roots: rules stay free of the wire",
      {
        path: ours,
        pathNot: [
          "^src/protocol/",
          "-(service|client)\\.ts$",
          room(...roots, "client", "services", "security", "connections", "audit"),
        ],
      },
      { path: "^(node_modules/)?@grpc/grpc-js" },
    ),
    forbid(
      "generated-behind-protocol",
      "generated code changes with its generator; only protocol and the service files see it",
      {
        path: ours,
        pathNot: [
          "^src/protocol/",
          "-(service|client)\\.ts$",
          room(...roots, "client", "services", "security"),
        ],
      },
      { path: generated },
    ),
    forbid(
      "sql-in-its-places",
      "only storage and *-store.ts talk to SQLite",
      { path: ours, pathNot: ["^src/storage/", "-store\\.ts$"] },
      { path: "^(node_modules/)?better-sqlite3" },
    ),
    forbid(
      "processes-in-process",
      "one room starts and ends processes, so that one room is responsible for reaping them",
      { path: ours, pathNot: room("process") },
      { path: "^(node:)?child_process$" },
    ),
    forbid(
      "no-cycles",
      "a cycle means that two files are one decision, or that one knows too much",
      { path: ours },
      { circular: true },
    ),
    forbid(
      "no-orphans",
      "a file that nobody imports and that imports nothing is left over",
      { orphan: true, path: ours, pathNot: ["\\.d\\.ts$", generated] },
      {},
    ),
    forbid(
      "src-without-test",
      "the product does not depend on its tests",
      { path: ours },
      { path: "^(test|bench|scripts)/" },
    ),
    forbid(
      "unit-tests-stay-in-their-room",
      "a helper that two rooms' tests share belongs to test/support",
      { path: "^test/unit/([^/]+)/" },
      { path: "^test/unit/", pathNot: "^test/unit/$1/" },
    ),
    forbid(
      "only-declared-packages",
      "src uses only what package.json lists under dependencies: it is what an installation gets",
      { path: ours, pathNot: "\\.d\\.ts$" },
      {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["type-only"],
      },
    ),
    forbid(
      "nothing-unresolvable",
      "every import leads somewhere; our own flame-ts/plugin is types alone",
      {},
      { couldNotResolve: true, pathNot: "^flame-ts/plugin$" },
    ),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".mjs", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
    },
    moduleSystems: ["es6"],
  },
};
