import type { Facts } from './facts.js';
import { formats } from './formats.js';
import type { SiteSettings } from './parse-settings.js';
import type { Finding } from './problems.js';
import { parseSentinelUrl, sentinelUrlText } from './sentinel-url.js';
import { FormatError } from './units.js';

/**
 * The whole Redis URL, with what its secret files hold; null = embedded. A file that could not be read is reported by
 * the rules on places.
 */
export function readRedisUrl(redis: SiteSettings['redis'], facts: Facts): { url: string | null; findings: Finding[] } {
  const fromFile = redis.urlFile === null ? null : (facts.get(redis.urlFile)?.secret ?? null);
  if (redis.urlFile !== null && fromFile !== null && fromFile !== '') {
    const problem = urlProblem(fromFile);
    if (problem === null) return { url: fromFile, findings: [] };
    return { url: null, findings: [{ key: 'redis.urlFile', value: redis.urlFile, problem: `holds something that ${problem.problem}`, remedy: `Its first line is ${problem.accepts}.` }] };
  }
  const password = redis.passwordFile === null ? null : (facts.get(redis.passwordFile)?.secret ?? null);
  if (redis.url === null || password === null || password === '' || redis.url.startsWith('/')) return { url: redis.url, findings: [] };
  const sentinel = parseSentinelUrl(redis.url);
  if (sentinel !== null) return { url: sentinelUrlText({ ...sentinel, password }), findings: [] };
  const url = new URL(redis.url);
  url.password = encodeURIComponent(password);
  return { url: url.href, findings: [] };
}

function urlProblem(text: string): FormatError | null {
  try {
    formats.redisUrl.parse(text, {});
    return null;
  } catch (thrown) {
    if (thrown instanceof FormatError) return thrown;
    throw thrown;
  }
}
