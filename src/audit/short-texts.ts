/** Characters of a text that a caller has chosen. */
const textMax = 256;

export function shortened(text: string, most = textMax): string {
  return text.length <= most ? text : `${text.slice(0, most)}...`;
}

/** The address without the port, which is another one for each connection. */
export function hostOf(peer: string): string {
  return peer.replace(/:\d+$/, "");
}
