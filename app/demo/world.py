"""Where the demo's people live, what they use and how they come: shares as in the trade's published statistics, roughly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SITE = "https://papers.example"


@dataclass(frozen=True, slots=True)
class Country:
    """Where somebody lives; `share` is out of all."""

    code: str
    zone: str
    cities: tuple[str, ...]
    locale: str
    currency: str
    share: float


COUNTRIES = (
    Country("US", "America/New_York", ("New York", "Boston", "Atlanta"), "en-US", "USD", 0.30),
    Country("US", "America/Los_Angeles", ("Los Angeles", "Seattle", "San Francisco"), "en-US", "USD", 0.14),
    Country("DE", "Europe/Berlin", ("Berlin", "Hamburg", "Leipzig"), "de-DE", "EUR", 0.15),
    Country("GB", "Europe/London", ("London", "Leeds", "Bristol"), "en-GB", "GBP", 0.12),
    Country("FR", "Europe/Paris", ("Paris", "Lyon", "Nantes"), "fr-FR", "EUR", 0.08),
    Country("IN", "Asia/Kolkata", ("Bengaluru", "Pune", "Delhi"), "en-IN", "INR", 0.09),
    Country("BR", "America/Sao_Paulo", ("São Paulo", "Recife"), "pt-BR", "BRL", 0.06),
    Country("JP", "Asia/Tokyo", ("Tokyo", "Osaka"), "ja-JP", "JPY", 0.06),
)


@dataclass(frozen=True, slots=True)
class Device:
    """What somebody uses."""

    browser: str
    version: str
    os: str
    device: str
    screen: tuple[int, int]
    share: float

    @property
    def mobile(self) -> bool:
        """Whether it fits a hand."""
        return self.screen[0] < self.screen[1]


DEVICES = (
    Device("Google Chrome", "130", "Windows", "Desktop", (1920, 1080), 0.28),
    Device("Google Chrome", "130", "Mac OS X", "Mac", (1728, 1117), 0.14),
    Device("Safari", "18", "Mac OS X", "Mac", (1512, 982), 0.10),
    Device("Microsoft Edge", "130", "Windows", "Desktop", (1920, 1080), 0.08),
    Device("Firefox", "132", "Linux", "Desktop", (2560, 1440), 0.05),
    Device("Mobile Safari", "18", "iOS", "iPhone", (393, 852), 0.20),
    Device("Chrome Mobile", "130", "Android", "Pixel 8", (412, 915), 0.15),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """How somebody comes the first time; `days` are those of the story on which a campaign runs, `signs_up` is the chance to stay."""

    referrer: str
    utm: Mapping[str, str]
    share: float
    signs_up: float
    days: range | None = None


_SEARCH, _SOCIAL = "https://www.google.com/", "https://www.linkedin.com/"

ORIGINS = (
    Origin("", {}, 0.28, 0.16),
    Origin(_SEARCH, {}, 0.30, 0.13),
    Origin("https://news.ycombinator.com/", {}, 0.06, 0.07),
    Origin("https://github.com/", {}, 0.05, 0.19),
    Origin(_SEARCH, {"source": "google", "medium": "cpc", "campaign": "brand"}, 0.09, 0.15),
    Origin(_SOCIAL, {"source": "linkedin", "medium": "paid_social", "campaign": "teams"}, 0.06, 0.08),
    Origin("", {"source": "newsletter", "medium": "email", "campaign": "monthly"}, 0.06, 0.22),
    Origin(_SEARCH, {"source": "google", "medium": "cpc", "campaign": "back_to_work"}, 0.55, 0.11, range(38, 52)),
    Origin("", {"source": "podcast", "medium": "audio", "campaign": "writing_well"}, 0.30, 0.18, range(74, 81)),
)

# Monday first.
WEEKDAYS = (1.0, 1.08, 1.06, 1.0, 0.86, 0.42, 0.48)
# By the clock where somebody lives.
HOURS = (1, 1, 1, 1, 1, 2, 4, 7, 11, 14, 15, 14, 12, 13, 15, 15, 14, 12, 10, 10, 11, 10, 6, 3)

LANDINGS: Mapping[str, float] = {"/": 0.5, "/blog/write-shorter": 0.16, "/templates": 0.14, "/pricing": 0.12, "/blog/meeting-notes": 0.08}
PAGES: Mapping[str, float] = {
    "/": 0.12, "/features": 0.22, "/templates": 0.16, "/pricing": 0.24, "/blog": 0.1, "/docs": 0.12, "/about": 0.04,
}  # fmt: skip
TITLES: Mapping[str, str] = {
    "/": "Papers",
    "/features": "What Papers does",
    "/templates": "Templates",
    "/pricing": "Prices",
    "/blog": "Blog",
    "/blog/write-shorter": "Write shorter",
    "/blog/meeting-notes": "Notes that somebody reads",
    "/docs": "Handbook",
    "/about": "About",
    "/sign-up": "Sign up",
    "/app": "Your papers",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody pays a month, and how much they do: visits a week at first, and what is left of that each week."""

    name: str
    price: float
    visits_a_week: float
    stays: float


PLANS = (Plan("free", 0, 1.6, 0.86), Plan("pro", 12, 3.2, 0.955), Plan("team", 48, 4.4, 0.975))
ROLES: Sequence[str] = ("writer", "manager", "student", "engineer", "researcher")
COMPANY_SIZES: Sequence[str] = ("1", "2-10", "11-50", "51-200", "201+")
TEMPLATES: Sequence[str] = ("blank", "meeting notes", "essay", "report", "letter")
