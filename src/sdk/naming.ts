import { FlameError } from "../model/errors.ts";

/** Does the work; a FlameError of it names the application that it was about. */
export async function naming<T>(application: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof FlameError && thrown.application === undefined)
      Object.assign(thrown, { application });
    throw thrown;
  }
}
