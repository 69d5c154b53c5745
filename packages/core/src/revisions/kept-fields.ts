const KEPT =
  /^(?:authorization|cache-control|content-.*|cookie|host|idempotency-key|index-hash|model-tag|revision-pin|schema-rev|set-cookie|via)$/;

/**
 * Whether a field, by its name in lower case, goes along when a message is passed on, though `Connection` names it: without it the other
 * side would read another message, or one of somebody else, than was judged here.
 */
export function isKept(name: string): boolean {
  return KEPT.test(name);
}
