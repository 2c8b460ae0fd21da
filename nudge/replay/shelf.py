"""A replay's products: folded from catalogue events as the catalogue agent does it."""

from processors.catalogue import Catalogue
from processors.fold import fold, fold_content
from processors.inputs import FactRecord, Source
from processors.news import interested
from processors.rule_book import RuleBook
from schemas.adapters import dump
from schemas.catalog import catalog_key_of
from schemas.structs import CatalogEvent, Content, ContentPublished, Product
from schemas.topics import PRODUCTS


class Shelf:
    """Appends to ``catalogue``, which the cores read."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._products: dict[str, Product] = {}
        self._contents: dict[str, Content] = {}

    def fold(self, event: CatalogEvent, offset: int, recorded_at: int) -> FactRecord | None:
        """The version that follows, to stand at ``offset``; ``None`` where nothing changes."""
        folded = self._folded(event)
        if folded is None:
            return None
        key = catalog_key_of(event)
        self._catalogue.append(key, 0, offset, recorded_at, dump(folded))
        return FactRecord(key, recorded_at, Source(PRODUCTS.name, 0, offset))

    def moves_nobody(self, fact: FactRecord, book: RuleBook) -> bool:
        """Whether no rules could have a use for that version of a product."""
        version = self._catalogue.version(fact.key, fact.source.offset)
        if version is None or book.only is None:
            return False
        return not interested(book, version, fact.recorded_at).subjects

    def _folded(self, event: CatalogEvent) -> Product | Content | None:
        if isinstance(event, ContentPublished):
            content = fold_content(self._contents.get(event.content_id), event)
            if content is not None:
                self._contents[event.content_id] = content
            return content
        product = fold(self._products.get(event.product_id), event)
        if product is not None:
            self._products[event.product_id] = product
        return product
