import { describe, expect, test } from "@jest/globals";
import { WorkCredit } from "../../../src/executor-manager/work/work-credit.ts";

/** The credit after so many equal tasks, each of which found so many waiting. */
function after(tasks: number, ms: number, bytes = 0, waiting = 0): WorkCredit {
  const credit = new WorkCredit();
  for (let i = 0; i < tasks; i++) credit.ran(ms, bytes, waiting);
  return credit;
}

describe("the credit of an executor", () => {
  test("is one task before anything is known of them", () => {
    expect(new WorkCredit().value).toBe(1);
  });

  test("doubles each time that the queue of short tasks ran dry", () => {
    expect([1, 2, 3, 4].map((tasks) => after(tasks, 0.05).value)).toEqual([2, 4, 8, 16]);
  });

  test("stays while tasks wait", () => {
    expect(after(5, 0.05, 0, 3).value).toBe(1);
  });

  test("ends at 256, and at 20 ms of work", () => {
    expect(after(50, 0).value).toBe(256);
    expect(after(50, 1).value).toBe(20);
    expect(after(50, 7).value).toBe(2);
    expect(after(50, 20).value).toBe(1);
  });

  test("is one again after a task of more than 20 ms", () => {
    const credit = after(50, 0);
    expect(credit.ran(21, 0, 100)).toBe(true);
    expect(credit.value).toBe(1);
  });

  test("shrinks when tasks become longer", () => {
    const credit = after(50, 0);
    for (let i = 0; i < 50; i++) credit.ran(5, 0, 100);
    // Not below twice of what is right: a credit that changes all the time is a message all the time.
    expect(credit.value).toBe(8);
  });

  test("holds about 8 MiB of inputs", () => {
    expect(after(50, 0, 1024 * 1024).value).toBe(8);
    expect(after(50, 0, 64 * 1024 * 1024).value).toBe(1);
  });

  test("tells whether it changed", () => {
    expect(new WorkCredit().ran(20, 0, 0)).toBe(false);
    expect(new WorkCredit().ran(1, 0, 0)).toBe(true);
  });
});
