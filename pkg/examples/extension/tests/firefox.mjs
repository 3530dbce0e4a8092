// Firefox with the example in it, or without it, driven over WebDriver BiDi; and what a person does there. Every name of the
// world leads to the fixture, which is its proxy.

import { createRequire } from "node:module";
import { join } from "node:path";

export const executable = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const MAIL = "http://mail.acme.example/";
const HOSTS = ["mail.acme.example", "webmail.acme.example", "a.mail.acme.example", "evil.example"];
/** By which the extension's pages are found: Firefox makes one up for each profile, unless it is told. */
export const UUID = "6f6b5b1e-3c4e-4c60-9d5d-7a1e0c1d2e3f";
const ID = "mail@acme.example";

const PREFERENCES = {
  "network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.no_proxies_on": "",
  // As if the service had TLS, which it has outside of tests.
  "dom.securecontext.allowlist": HOSTS.join(","), "dom.serviceWorkers.testing.enabled": true,
  "security.mixed_content.upgrade_display_content": false, "security.mixed_content.block_display_content": false,
  "security.warn_submit_secure_to_insecure": false,
  // Off as Firefox comes; a person may have switched these on.
  "browser.send_pings": true, "dom.disable_open_during_load": false, "dom.popup_maximum": 1000, "media.autoplay.default": 0,
  "extensions.webextensions.uuids": JSON.stringify({ [ID]: UUID }),
};

/** A browser, with this extension in it. */
export async function openFirefox(tools, port, extension) {
  const puppeteer = createRequire(join(tools, "package.json"))("puppeteer-core");
  const browser = await puppeteer.launch({
    browser: "firefox", executablePath: executable, headless: true, protocolTimeout: 60_000,
    // Else no driver may open an extension's pages.
    args: ["--remote-allow-system-access"],
    extraPrefsFirefox: { ...PREFERENCES, "network.proxy.http_port": port },
  });
  if (extension !== undefined) await browser.installExtension(extension);
  return browser;
}

export class FirefoxPerson {
  /** `folder` is for files that the person chooses. */
  static async with(browser, world, folder) {
    const made = Object.assign(new FirefoxPerson(), { browser, world, folder });
    made.own = await made.window("setup.html");
    await made.own.waitForFunction(() => document.getElementById("keys")?.value !== "");
    return made;
  }

  /** A page of the extension. The driver is told neither that it has loaded nor its address. */
  async window(name) {
    const page = await this.browser.newPage();
    await page.goto(`moz-extension://${UUID}/${name}`, { timeout: 1500 }).catch(() => undefined);
    await page.waitForSelector("body *");
    return page;
  }

  /** Takes a new grant: reads it, and allows it. */
  async takeGrant(write) {
    const papers = await this.world.papers(JSON.parse(await this.own.$eval("#keys", ({ value }) => value)));
    await this.own.bringToFront();
    const input = await this.own.$("#papers");
    await input.uploadFile(await write("papers.json", JSON.stringify(papers)));
    await this.own.waitForSelector("ambit-consent:not([hidden]):not([data-asleep])");
    const allow = await this.own.evaluateHandle(() => document.querySelector("ambit-consent").shadowRoot.querySelector("[part=approved]"));
    await allow.click();
    await this.own.waitForFunction(() => document.querySelector("ambit-consent").state === "approved");
  }

  async openMail() {
    const page = await this.browser.newPage();
    await page.goto(MAIL);
    return page;
  }

  /** Writes an e-mail, presses the button or has a script do it, and gives what the page is told. */
  async send(page, message, byScript = false) {
    await page.bringToFront();
    await page.evaluate((message) => {
      for (const [name, value] of Object.entries(message)) document.querySelector(`[name=${name}]`).value = value;
    }, message);
    return this.told(page, () => (byScript ? page.evaluate(() => document.querySelector("form").requestSubmit()) : page.click("button")));
  }

  /** The next line that the page is told. */
  async told(page, act) {
    await page.evaluate(() => document.querySelector("[data-ambit]")?.remove());
    await act();
    const line = await page.waitForFunction(() => document.querySelector("[data-ambit]")?.textContent);
    return line.jsonValue();
  }

  /** The window that asks, in view and awake. */
  async dialog() {
    for (let tries = 0; tries < 100; tries++) {
      for (const page of await this.browser.pages()) {
        const path = await page.evaluate(() => location.pathname).catch(() => "");
        if (path !== "/dialog.html") continue;
        await page.waitForSelector("main:not([hidden])");
        await page.bringToFront();
        await page.waitForSelector("body:not(.asleep)");
        return page;
      }
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error("no window asks");
  }

  /** Presses a button of the window, and gives what the page is told. */
  answer(page, dialog, button) {
    return this.told(page, async () => {
      // Nobody says yes to what they did not see to its end.
      await dialog.evaluate(() => scrollTo(0, document.body.scrollHeight));
      await dialog.waitForSelector(`#${button}:enabled`);
      await dialog.click(`#${button}`).catch(() => undefined);
    });
  }
}
