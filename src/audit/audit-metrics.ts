import { Counter, type Registry } from "prom-client";
import type { AuditMeter } from "./audit-log.ts";

/** Counts the lines of the audit log: docs/observability.md. */
export function auditMeter(registry: Registry): AuditMeter {
  const registers = [registry];
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const written = counter("flame_audit_lines_total", "Lines of the audit log that were written.");
  const lost = counter(
    "flame_audit_lines_lost_total",
    "Lines of the audit log that were lost, as the disk did not take them for too long.",
  );
  const failures = counter(
    "flame_audit_failures_total",
    "Times that the disk did not take lines of the audit log, which are tried again.",
  );
  return {
    written: (lines) => {
      written.inc(lines);
    },
    lost: (lines) => {
      lost.inc(lines);
    },
    failed: () => {
      failures.inc();
    },
  };
}
