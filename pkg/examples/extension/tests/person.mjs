// What a person does: sets the extension up, writes e-mails, and answers the windows that open.

import assert from "node:assert/strict";

const MAIL = "http://mail.acme.example/";

export class Person {
  /** With a browser that has the extension. */
  static async with(context, world) {
    const isOurs = (worker) => worker.url().endsWith("/background.js");
    const worker = context.serviceWorkers().find(isOurs) ?? (await context.waitForEvent("serviceworker", { predicate: isOurs, timeout: 20_000 }));
    const made = Object.assign(new Person(), { context, world, worker, id: new URL(worker.url()).host });
    made.own = await made.window("setup.html");
    await made.own.waitForFunction(() => document.getElementById("keys").value !== "");
    return made;
  }

  /** A page of the extension. */
  async window(name) {
    const page = await this.context.newPage();
    const url = `chrome-extension://${this.id}/${name}`;
    // The page that opens by itself after the installation may take this empty tab first, at any moment.
    for (let tries = 1; ; tries += 1) {
      const failed = await page.goto(url).then(() => undefined, (error) => error);
      if (failed === undefined) return page;
      if (tries === 10) throw failed;
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  /** Takes a new grant: reads it, and allows it. `more` is of the enrolment. */
  async takeGrant(claims, more) {
    await this.own.reload();
    await this.own.waitForFunction(() => document.getElementById("keys").value !== "");
    const papers = await this.world.papers(JSON.parse(await this.own.inputValue("#keys")), claims, more);
    await this.own.bringToFront();
    await this.own.setInputFiles("#papers", { name: "papers.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(papers)) });
    await this.own.waitForSelector("ambit-consent:not([hidden]):not([data-asleep])");
    await this.own.locator("ambit-consent [part=approved]").click();
    await this.own.waitForFunction(() => document.querySelector("ambit-consent").state === "approved");
    return papers;
  }

  async openMail() {
    const page = await this.context.newPage();
    await page.goto(MAIL);
    return page;
  }

  /** Fills the form in. A page that is not seen draws nothing, and whoever clicks in it waits. */
  async write(page, { to, cc = "", bcc = "", subject, body = "Hello\nthere", files = [] }) {
    await page.bringToFront();
    for (const [name, value] of Object.entries({ to, cc, bcc, subject, body })) await page.fill(`[name=${name}]`, value);
    await page.setInputFiles("[name=attachments]", files);
  }

  /** Writes it, presses the button, and gives what the page is told. */
  async send(page, message) {
    await this.write(page, message);
    return this.told(page, () => page.click("button"));
  }

  /** The same by a script, as an assistant does it. */
  async sendByScript(page, message) {
    await this.write(page, message);
    return this.told(page, () => page.evaluate(() => document.querySelector("form").requestSubmit()));
  }

  /** The next line that the page is told. */
  async told(page, act) {
    await page.evaluate(() => document.querySelector("[data-ambit]")?.remove());
    await act();
    const line = await page.waitForFunction(() => document.querySelector("[data-ambit]")?.textContent, undefined, { timeout: 10_000 });
    return line.jsonValue();
  }

  /** The window that opens when this is held. */
  async held(page, message, by = "send") {
    const opening = this.context.waitForEvent("page", { timeout: 10_000 });
    assert.match(await this[by](page, message), /^Held/);
    return this.awake(await opening);
  }

  async awake(dialog) {
    await dialog.waitForSelector("main:not([hidden])");
    await dialog.bringToFront();
    await dialog.waitForSelector("body:not(.asleep)");
    return dialog;
  }

  /** Presses a button of the window, and gives what the page is told. */
  answer(page, dialog, button) {
    return this.told(page, async () => {
      // Nobody says yes to what they did not see to its end.
      await dialog.evaluate(() => scrollTo(0, document.body.scrollHeight)).catch(() => undefined);
      await dialog.click(`#${button}`).catch(() => undefined);
    });
  }
}
