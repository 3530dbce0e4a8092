// A person at a browser: Chromium, with an authenticator that holds their passkey. They read pages and click.

import { createRequire } from "node:module";
import { join } from "node:path";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export class Person {
  /** `tools`: a folder with `playwright-core`. `pictures`: where to leave one of each page that they read. */
  static async sitDown(tools, { pictures, headless = true, locale = "en-GB" } = {}) {
    const person = new Person();
    const { chromium } = createRequire(join(tools, "package.json"))("playwright-core");
    person.browser = await chromium.launch({ executablePath, headless, args: ["--no-sandbox"] });
    person.page = await person.browser.newPage({ locale, viewport: { width: 900, height: 1000 } });
    person.pictures = pictures;
    person.complaints = [];
    person.page.on("pageerror", (error) => person.complaints.push(String(error)));
    const devtools = await person.page.context().newCDPSession(person.page);
    await devtools.send("WebAuthn.enable");
    await devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
    return person;
  }

  /** Makes a passkey by the link that the broker's operator handed out. */
  async enrol(link) {
    await this.page.goto(link);
    await this.page.locator("form[data-passkey] button").click();
    await this.page.waitForURL((url) => !url.href.includes("/enrol?"));
  }

  /** Opens a page of the broker, by passkey where it asks who is there. */
  async open(url) {
    await this.page.goto(url);
    const login = this.page.locator("form[data-passkey='get'] button").first();
    if (await login.count()) {
      await Promise.all([this.page.waitForNavigation(), login.click()]);
    }
    return this.words();
  }

  /** What stands on the page, as they see it. */
  words() {
    return this.page.locator("body").innerText();
  }

  /** Clicks the button that says so, once. */
  async click(name) {
    const button = this.page.getByRole("button", { name, exact: true });
    await Promise.all([this.page.waitForNavigation(), button.click()]);
  }

  async picture(name) {
    if (this.pictures) await this.page.screenshot({ path: join(this.pictures, `${name}.png`), fullPage: true });
  }

  /** Reads what an agent asks, and clicks: the words of the page. */
  async answers(url, button, name) {
    const words = await this.open(url);
    if (name) await this.picture(name);
    await this.click(button);
    return words;
  }

  close() {
    return this.browser.close();
  }
}
