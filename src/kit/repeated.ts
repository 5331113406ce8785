/** The same value so many times. */
export function* repeated<T>(value: T, times: number): Generator<T, void, void> {
  for (let time = 0; time < times; time++) yield value;
}
