// Keeps secrets out of everything that is printed: log lines, messages, `/info`.

export const MASK = '***';

const SECRET_KEY = /pass(word|phrase|wd)?$|secret|token$|authorization|cookie|api[-_]?key|private[-_]?key|credential/i;
const BEARER = /\b(bearer|basic)\s+[\w~+/.=-]+/gi;
const JWT = /\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g;
// The password may itself hold any character but a blank; the last @ before the path ends it.
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):(?!password@)[^\s/]*@/gi;
const SECRET_PARAMETER = /\b(pass(?:word|wd)?|secret|token|access_token|api[-_]?key)=[^\s&;,'"]+/gi;

/** True for names whose values must not be shown: password, clientSecret, Authorization, set-cookie … */
export const isSecretKey = (key: string): boolean => SECRET_KEY.test(key);

/** The text without bearer tokens, JWTs, passwords in URLs and `password=…` parameters. */
export function maskSecrets(text: string): string {
  return text
    .replace(BEARER, `$1 ${MASK}`)
    .replace(JWT, MASK)
    .replace(URL_PASSWORD, `$1:${MASK}@`)
    .replace(SECRET_PARAMETER, `$1=${MASK}`);
}
