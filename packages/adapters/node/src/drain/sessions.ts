/** Sessions of HTTP/2, and how their clients are asked to begin nothing more on them. */

import { constants, type ServerHttp2Session } from "node:http2";

const LAST_STREAM_ID = 2 ** 31 - 1;

/**
 * Says GOAWAY in two steps: first with the highest id there is, and with the last one that was taken in once the client must
 * have read that (RFC 9113, section 6.8). Node takes in no stream any more from the first one on, without a word: what crosses
 * with it is known to the client as not processed by the second, and must not wait for that any longer than a way there and
 * back. The ping goes first, because there are clients that answer none behind a GOAWAY. The session ends when its streams have.
 */
export function sayGoaway(session: ServerHttp2Session): void {
  if (session.destroyed || session.closed) return;
  session.ping(() => endGently(session));
  session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM_ID);
}

/** Says the last id at once, and lets the streams that there are come to their end. */
export function endGently(session: ServerHttp2Session): void {
  if (!session.destroyed && !session.closed) session.close();
}
