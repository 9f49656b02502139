const MASK = '***';
const SECRET_KEY = /pass(word|phrase|wd)|^pwd$|secret|token|credential|authorization|cookie|(api|private|access|encryption)[-_]?key$/i;
/** `user:password@` of a URL. */
const USER_INFO = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@:]*:[^\s/@]+@/gi;
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
const ASSIGNMENT = /\b((?:pass(?:word|phrase|wd)|secret|token|credential|api[-_]?key)["']?\s*[=:]\s*)["']?[^\s"',;&]+/gi;

/**
 * A copy of a JSON value with everything that looks like a secret masked: values under telling names, and
 * passwords inside texts. Job data holds none by design; this is for what slips into errors and options.
 */
export function maskSecrets(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, SECRET_KEY.test(key) ? maskWhole(inner) : maskSecrets(inner)]));
}

function maskText(text: string): string {
  return text.replace(USER_INFO, `$1${MASK}@`).replace(BEARER, `$1 ${MASK}`).replace(ASSIGNMENT, `$1${MASK}`);
}

/** Nothing to hide in what is not there. */
function maskWhole(value: unknown): unknown {
  return value === null || value === undefined || value === '' ? value : MASK;
}
