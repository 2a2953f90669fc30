"""The products. A real shop has a database; this one has a list."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Product:
    """One thing for sale. `image` is a name below catalog/img/; a glaze is one below catalog/img/glazes/."""

    slug: str
    name: str
    kind: str
    cents: int
    image: str
    glazes: tuple[str, ...]
    text: str
    is_featured: bool = False
    is_new: bool = False

    @property
    def image_path(self) -> str:
        """The image's name as static files know it."""
        return f"catalog/img/{self.image}"

    @property
    def price(self) -> str:
        """The price as the page shows it before any script has run."""
        return f"€{self.cents / 100:.2f}"

    def as_json(self) -> dict[str, object]:
        """Return what the page's scripts need to know."""
        return asdict(self)


PRODUCTS = (
    Product(
        "morning-mug", "Morning mug", "cups", 2400, "morning-mug.svg", ("indigo", "sea", "rust"),
        "A generous mug with a handle that takes three fingers. Holds 380 ml and keeps its warmth.", True,
    ),
    Product(
        "espresso-pair", "Espresso pair", "cups", 2900, "espresso-pair.svg", ("sage", "rust"),
        "Two small cups from one lump of clay, one of each glaze. 70 ml, to the line.",
    ),
    # an image whose name has a space, and one whose name is not ASCII
    Product(
        "tea-bowl", "Tea bowl", "bowls", 3200, "tea bowl.svg", ("charcoal", "cream"),
        "Thrown thin and trimmed by hand, with a foot that stays cool. No two are alike.", True, True,
    ),
    Product(
        "kuechenkrug", "Küchenkrug", "jugs", 5400, "Küchenkrug.svg", ("sea", "indigo", "ochre"),
        "The kitchen jug our studio began with: 1.2 litres, a lip that does not drip.", True,
    ),
    Product(
        "round-teapot", "Round teapot", "jugs", 7800, "round-teapot.svg", ("rose", "sage"),
        "Five cups, a strainer pierced by hand, and a lid that stays on to the last drop.", True, True,
    ),
    Product(
        "bud-vase", "Bud vase", "vases", 2600, "bud-vase.svg", ("ochre", "rose", "sea"),
        "For one twig or two. The neck is narrow enough to hold a stem where you put it.",
    ),
    Product(
        "tall-vase", "Tall vase", "vases", 8900, "tall-vase.svg", ("charcoal", "indigo"),
        "Thirty-four centimetres of quiet. Glazed by pouring, so the line is never straight.",
    ),
    Product(
        "noodle-bowl", "Noodle bowl", "bowls", 3600, "noodle-bowl.svg", ("cream", "sage"),
        "Wide, deep, with two notches that hold the chopsticks while you talk.", False, True,
    ),
    Product(
        "serving-plate", "Serving plate", "plates", 4800, "serving-plate.svg", ("sea", "charcoal", "cream"),
        "An oval of 32 cm, with a rim that keeps the sauce where it belongs.",
    ),
    Product(
        "planter", "Planter", "vases", 4200, "planter.svg", ("rust", "cream"),
        "Bare terracotta below, a thin glaze above, and a hole in the bottom, as roots like it.", True,
    ),
    Product(
        "oil-bottle", "Oil bottle", "jugs", 3400, "oil-bottle.svg", ("sage", "ochre"),
        "Half a litre of the good oil, out of the light, with a cork stopper.",
    ),
    Product(
        "salt-jar", "Salt jar", "plates", 2800, "salt-jar.svg", ("indigo", "rose"),
        "Unglazed inside so the salt stays dry; the lid is turned from beech.",
    ),
)  # fmt: skip
BY_SLUG = {product.slug: product for product in PRODUCTS}
KINDS = tuple(dict.fromkeys(product.kind for product in PRODUCTS))
