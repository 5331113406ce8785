/** How common data, inputs and outputs of our clients of flmrun begin (docs/flmrun.md, 1.1). */
export const frameMark = Buffer.from("\x89FLMRUN\n", "latin1");

/** Whether services of the published flamepy can make nothing of these bytes. */
export function isFramed(bytes: Buffer): boolean {
  return bytes.subarray(0, frameMark.length).equals(frameMark);
}
