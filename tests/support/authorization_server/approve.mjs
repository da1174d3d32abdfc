// A person in a browser who signs in with a device code: follows the pages of server.mjs and fills in their forms.
//
// argv: the page's address, the code, the mailbox.
const [, , page, code, mailbox] = process.argv;
const cookies = new Map();

async function visit(url, form) {
  for (let hops = 0; hops < 20; hops += 1) {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET', body: form, redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const cut = pair.indexOf('=');
      if (pair.length === cut + 1) cookies.delete(pair.slice(0, cut));
      else cookies.set(pair.slice(0, cut), pair.slice(cut + 1));
    }
    if (response.status < 300 || response.status >= 400) return { url, status: response.status, text: await response.text() };
    url = new URL(response.headers.get('location'), url).href;
    form = undefined;
  }
  throw new Error(`too many redirects, last to ${url}`);
}

function fields(text) {
  const form = new URLSearchParams();
  for (const [tag] of text.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(tag)?.[1];
    if (name) form.set(name, /value="([^"]*)"/.exec(tag)?.[1] ?? '');
  }
  return form;
}

let at = await visit(page);
for (let step = 0; step < 10; step += 1) {
  if (/Sign-in Success/i.test(at.text)) process.exit(0);
  const action = /<form[^>]*action="([^"]*)"/.exec(at.text)?.[1];
  if (!action) break;
  const form = fields(at.text);
  if (form.has('user_code')) form.set('user_code', code);
  if (/name="login"/.test(at.text)) { form.set('login', mailbox); form.set('password', 'any'); }
  if (/name="confirm"/.test(at.text)) form.set('confirm', 'yes');
  at = await visit(new URL(action, at.url).href, form);
}
console.error(`not signed in; ${at.status} at ${at.url}:\n${at.text}`);
process.exit(1);
