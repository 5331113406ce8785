import { describe, expect, test } from "@jest/globals";
import { parseOptions, UsageError } from "../../../bench/house/options.ts";
import { catalogue } from "../../../bench/rows/catalogue.ts";

const parse = (...argv: string[]) => parseOptions(argv, catalogue);
const idsOf = (...argv: string[]) => parse(...argv).benches.map(({ id }) => id);

function faultOf(...argv: string[]): string {
  try {
    parse(...argv);
  } catch (thrown) {
    if (thrown instanceof UsageError) return thrown.message;
    throw thrown;
  }
  throw new Error(`${argv.join(" ")} was accepted`);
}

describe("the options of npm run bench", () => {
  test("without any, every bench runs but those that run only when they are named", () => {
    const ids = idsOf();
    for (const id of ["ppe", "fsync", "flmping_stream_100k", "queue_1m", "slow_disk_10ms"])
      expect(ids).toContain(id);
    for (const id of ["flmping_stream_1m", "registry", "scale_full", "overload"])
      expect(ids).not.toContain(id);
    expect(parse().queued).toBe(100_000);
    expect(parse("--quick").queued).toBe(2_000);
    expect(parse("--quick", "--queue", "7").queued).toBe(7);
  });

  test("--only takes rows, benches and families, and what they are multiples of comes along", () => {
    expect(idsOf("--only", "registry")).toEqual(["ppe", "registry"]);
    expect(idsOf("--only", "flmping_stream")).toEqual([
      "ppe",
      "flmping_stream_10k",
      "flmping_stream_100k",
    ]);
    expect(idsOf("--only", "slow_disk_2ms")).toEqual(["ppe", "slow_disk_0ms", "slow_disk_2ms"]);
    expect(idsOf("--only", "scale")).toEqual(["scale_empty", "scale_full"]);
    const { rows } = parse("--only", "cpu_per_task_node, fsync");
    expect([...rows].sort()).toEqual(["cpu_per_task_node", "fsync"]);
  });

  test("every id names one row of the catalogue", () => {
    const ids = catalogue.flatMap((bench) => bench.rows.map(({ id }) => id));
    expect([...new Set(ids)]).toEqual(ids);
    for (const id of ids) expect(parse("--peers", "--only", id).rows.has(id)).toBe(true);
  });

  test("--peers adds programs of others, to everything and as what a row is a multiple of", () => {
    expect(idsOf()).toContain("ppe_calls");
    for (const id of ["ray", "dask"]) {
      expect(idsOf()).not.toContain(id);
      expect(idsOf("--peers")).toContain(id);
    }
    expect(idsOf("--only", "python_args")).toEqual(["python_args"]);
    expect(idsOf("--peers", "--only", "python_args")).toEqual(["ray", "python_args"]);
    expect(idsOf("--peers", "--only", "peers")).toEqual(["ppe", "ray", "dask"]);
    expect(faultOf("--only", "ppe,ray_put_64m")).toBe(
      "--only ray_put_64m: this is measured with --peers only, which installs it; add --peers",
    );
    expect(faultOf("--only", "peers")).toContain("add --peers");
  });

  test("refuses what it does not know, says what it expects and what was probably meant", () => {
    expect(faultOf("--only", "regstry")).toMatch(
      /^--only: got the unknown id "regstry"; did you mean registry\? Expected any of fsync, ppe, /,
    );
    expect(faultOf("--only", "")).toBe("--only needs a value; see --help");
    expect(faultOf("--only", "ppe,")).toContain('got the unknown id ""');
    expect(faultOf("--onyl", "ppe")).toMatch(/unknown option --onyl, .*did you mean --only\?$/);
    expect(faultOf("-q")).toContain("got the unknown option -q, expected any of --quick, ");
    expect(faultOf("registry")).toBe(
      'got the word "registry", expected options only; did you mean --only registry?',
    );
    expect(faultOf("soon")).toBe('got the word "soon", expected options only');
  });

  test("refuses values that are none", () => {
    expect(faultOf("--json")).toBe("--json needs a value; see --help");
    expect(faultOf("--json", "--quick")).toBe("--json needs a value; see --help");
    expect(faultOf("--quick=yes")).toBe('--quick takes no value, got "yes"');
    for (const text of ["0", "1.5", "-1", "101", "many", "0x2"]) {
      expect(faultOf(`--runs=${text}`)).toBe(
        `--runs: got "${text}", expected a whole number from 1 to 100`,
      );
    }
    expect(faultOf("--queue", "0")).toContain('--queue: got "0", expected a whole number from 1');
    expect(faultOf("--endpoint", "127.0.0.1:8080")).toBe(
      '--endpoint: got "127.0.0.1:8080", expected http://HOST:PORT or https://HOST:PORT of a session manager',
    );
    expect(faultOf("--cluster-pids", "1")).toContain("give --endpoint too");
    expect(faultOf("--endpoint", "http://h:1", "--cluster-pids", "1,x")).toContain('got "x"');
  });

  test("takes a cluster and the processes that belong to it", () => {
    const options = parse("--endpoint", "http://127.0.0.1:8080/", "--cluster-pids", "12,34");
    expect(options.endpoint).toBe("http://127.0.0.1:8080");
    expect(options.clusterPids).toEqual([12, 34]);
  });
});
