/** Which addresses a request may be forwarded to: those that the configuration names, whatever the registry says. */

/** Origins, of which a host may begin with `*.`, or a function that judges one. */
export type AllowedAddresses = readonly string[] | ((address: URL, revision: string) => boolean);

/** Whether an announced address may be used for a revision. */
export type AddressRule = (address: string | undefined, revision: string) => boolean;

/** Makes the rule of what the configuration allows. */
export function addressRule(allowed: AllowedAddresses): AddressRule {
  if (typeof allowed === "function") {
    return (address, revision) => {
      const url = originOf(address);
      return url !== undefined && holds(() => allowed(url, revision));
    };
  }
  const rules = allowed.map(originRule);
  return (address) => {
    const url = originOf(address);
    return url !== undefined && rules.some((rule) => rule(url));
  };
}

/** A function that throws allows nothing. */
function holds(judge: () => boolean): boolean {
  try {
    return judge() === true;
  } catch {
    return false;
  }
}

/** Whether a text is an origin that the configuration may name. A star elsewhere would stand for no host, `*.` alone for any. */
export function isOriginRule(text: string): boolean {
  const url = originOf(text.replace("://*.", "://any."));
  return url !== undefined && !/\*|^any\.+$/.test(url.hostname);
}

/** The URL of a text that is an origin and nothing more: no path, no user, no query; `undefined` for any other. */
export function originOf(address: string | undefined): URL | undefined {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  const isHttp = url.protocol === "http:" || url.protocol === "https:";
  return isHttp && url.origin === address.replace(/\/$/, "").toLowerCase() ? url : undefined;
}

/** `http://*.search.internal:8080` stands for any host below that one, with that very scheme and port. */
function originRule(text: string): (url: URL) => boolean {
  const isWild = text.includes("://*.");
  const url = new URL(text.replace("://*.", "://any."));
  if (!isWild) return ({ origin }) => origin === url.origin;
  const suffix = url.hostname.slice("any".length);
  return ({ protocol, hostname, port }) =>
    protocol === url.protocol && port === url.port && hostname.endsWith(suffix) && hostname.length > suffix.length;
}
