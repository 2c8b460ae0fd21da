"""The shop's own question, and what a page tells: in Firefox, with a push service of ours."""

from schemas.topics import SHOP_EVENTS
from tests.browsers.conftest import Street
from tests.harness.waiting import eventually


async def test_the_shops_own_question_comes_first_and_its_answers_are_told(
    street: Street,
) -> None:
    page = street.firefox
    await page.permit(street.shop.origin)
    await page.visit(f"{street.shop.origin}/")
    await page.run("ready")
    words = "{name: 'cart', title: 'Shall we?', body: 'Twice a day.', accept: 'Yes', decline: 'No'}"
    await page.run(f"void (window.asked = nudge.prompt({words}))")
    await eventually(lambda: page.run("!!document.querySelector('nudge-prompt')"))
    assert street.push.channels == {}
    assert (
        await page.run(f"getComputedStyle({_ASKED}.querySelector('section')).position") == "fixed"
    )
    await page.run(f"{_ASKED}.querySelectorAll('button')[1].click()")
    assert await page.run("window.asked") == "subscribed"

    async def told() -> bool:
        events = [record.json() for record in await street.stage.read(SHOP_EVENTS)]
        asked = [(e["prompt"], e["step"]) for e in events if e["type"] == "push_prompt"]
        return asked == [("cart", "shown"), ("cart", "accepted")]

    await eventually(told)


_ASKED = "document.querySelector('nudge-prompt').shadowRoot"


async def test_the_question_has_the_keyboard_and_gives_it_back_where_it_was(
    street: Street,
) -> None:
    page = street.firefox
    await page.permit(street.shop.origin)
    await page.visit(f"{street.shop.origin}/")
    await page.run("ready")
    await page.run("""(() => {
      const here = Object.assign(document.createElement("button"), { id: "here" })
      document.body.append(here)
      document.body.style.height = "9000px"
      here.focus()
      scrollTo(0, 5000)
      window.asked = nudge.prompt({ title: "Shall we?", body: "…", accept: "Yes", decline: "No" })
    })()""")
    await eventually(lambda: page.run("document.activeElement.matches('nudge-prompt')"))
    escape = "new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })"
    await page.run(f"void {_ASKED}.activeElement.dispatchEvent({escape})")
    assert await page.run("window.asked") == "declined"
    assert await page.run("[document.activeElement.id, scrollY]") == ["here", 5000]


async def test_what_can_never_be_taken_holds_up_nothing_else(street: Street) -> None:
    await street.firefox.visit(f"{street.shop.origin}/")
    await street.firefox.run("ready")
    left = await street.firefox.run("""(async () => {
      const url = location.href + "?" + "u".repeat(1300)
      for (let i = 0; i < 60; i++) await nudge.page_view({ url })
      await nudge.search({ query: "tea 🍵".slice(0, 5) })
      await nudge.search({ query: "u".repeat(70000) })
      await nudge.add_to_cart({ product_id: "vase", price: 10n, currency: "PLN" }).catch(() => {})
      await nudge.add_to_cart({ product_id: "tea", price: 10, currency: "PLN" })
      await nudge.flush()
      const opened = indexedDB.open("nudge", 1)
      await new Promise((done) => (opened.onsuccess = done))
      const count = opened.result.transaction("events").objectStore("events").count()
      await new Promise((done) => (count.onsuccess = done))
      return count.result
    })()""")
    assert left == 0
    events = [record.json() for record in await street.stage.read(SHOP_EVENTS)]
    assert sum("uuu" in event.get("url", "") for event in events) == 60
    assert [event["query"] for event in events if event["type"] == "search"] == ["tea \ufffd"]
    assert [e["product_id"] for e in events if e["type"] == "add_to_cart"] == ["tea"]
