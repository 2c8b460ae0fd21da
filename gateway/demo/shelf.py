"""What the demo shop sells. Prices and stock are only how it opens: from then on Kafka says."""

from dataclasses import dataclass

CURRENCY = "EUR"
FREE_DELIVERY_FROM = 10_000
DELIVERY_COST = 590


@dataclass(frozen=True, slots=True)
class Variant:
    """``colour``: of the picture, as CSS writes it."""

    variant_id: str
    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Article:
    """One product. ``price`` in cents; ``quantity``: pieces of each variant at the opening."""

    product_id: str
    name: str
    category: str
    about: str
    price: int
    quantity: int
    colour: str
    variants: tuple[Variant, ...] = ()

    def variant(self, variant_id: str | None) -> Variant | None:
        return next((each for each in self.variants if each.variant_id == variant_id), None)


ARTICLES = (
    Article(
        "oslo-lamp", "Oslo lamp", "Lighting",
        "A turned oak foot and a linen shade. Warm enough to read by, quiet enough to leave on.",
        8_900, 12, "#c89d6b",
        (Variant("oak", "Oak", "#c89d6b"), Variant("black", "Black", "#4a4642")),
    ),
    Article(
        "fjord-vase", "Fjord vase", "Decor",
        "Mouth-blown glass, each a little different. For one branch rather than a bouquet.",
        4_900, 9, "#7fb0b5",
        (
            Variant("clear", "Clear", "#a9c4cc"), Variant("sea", "Sea", "#5f9aa3"),
            Variant("amber", "Amber", "#d39a4a"),
        ),
    ),
    Article(
        "sten-mug", "Sten mug", "Kitchen",
        "Stoneware with a thumb rest. Holds a proper coffee, survives the dishwasher.",
        1_900, 40, "#b9a88f",
        (
            Variant("sand", "Sand", "#cbb694"), Variant("ink", "Ink", "#45566b"),
            Variant("moss", "Moss", "#76855a"),
        ),
    ),
    Article(
        "lina-throw", "Lina throw", "Textiles",
        "Washed linen, 130 × 180 cm. Gets softer every year.",
        6_900, 7, "#c98f6f",
        (Variant("oat", "Oat", "#d8c7a9"), Variant("rust", "Rust", "#bb6b47")),
    ),
    Article(
        "ask-chair", "Ask chair", "Furniture",
        "Solid ash, woven seat. Made by two people in Småland, who sign it underneath.",
        24_900, 4, "#d2ae7f",
    ),
    Article(
        "bar-stool", "Hög stool", "Furniture",
        "Counter height, with a footrest where you want one. The last batch went in a day.",
        15_900, 0, "#6d5a49",
    ),
    Article(
        "brygg-kettle", "Brygg kettle", "Kitchen",
        "Brushed steel and a spout that pours a thread. For tea people.",
        7_900, 15, "#9aa3a8",
    ),
    Article(
        "tid-clock", "Tid clock", "Decor",
        "A silent movement behind a plain birch face. No numbers: you know them.",
        5_900, 6, "#d9c3a0",
    ),
)  # fmt: skip
BY_ID = {article.product_id: article for article in ARTICLES}
