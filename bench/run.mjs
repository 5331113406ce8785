// npm run bench [-- NAME [ARGUMENTS]]: runs one of the benches of this folder, without a name the one of a whole cluster.
import process from "node:process";

const benches = ["cluster", "commit", "overload", "registry", "scale"];
const [name = "cluster"] = process.argv.splice(2, 1);
if (benches.includes(name)) {
  await import(`./${name}.mjs`);
} else {
  process.stderr.write(`no such bench: ${name}; expected any of ${benches.join(", ")}\n`);
  process.exitCode = 2;
}
