"""What the gateway answers when it does not do what was asked: one form, one closed list."""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from schemas.base import Explained

log = structlog.get_logger(__name__)


class Code(Explained):
    """Why a request was refused."""

    BAD_JSON = "bad_json", "The body is not JSON."
    INVALID = "invalid", "A field is missing or wrong; `field` names it."
    UNKNOWN_TYPE = "unknown_type", "No event has this type."
    UNKNOWN_KEY = "unknown_key", "The write key is missing or is not ours."
    UNAUTHORIZED = "unauthorized", "A token is missing or is not ours."
    EXPIRED = "expired", "The identity token has expired: the shop must sign another."
    FORBIDDEN = "forbidden", "The credentials are good, and do not allow this."
    ORIGIN = "origin", "The page's origin is not on the list."
    NOT_FOUND = "not_found", "There is no such thing, or it is nobody's."
    METHOD = "method", "This address does not take this method."
    CONFLICT = "conflict", "The endpoint belongs to somebody else's subscription."
    TOO_LARGE = "too_large", "The body is larger than is taken."
    TOO_SLOW = "too_slow", "The body did not come in time."
    TOO_MANY = "too_many", "Too many requests: `Retry-After` says when."
    UNAVAILABLE = "unavailable", "Kafka or Redis does not answer: try again."


class Problem(BaseModel):
    """Every answer from 400 on."""

    code: Code
    message: str = Field(description="For people. It never repeats a secret.")
    field: str | None = Field(None, description="Which part of the body, as `events.3.price`.")


class RefusedError(Exception):
    """Ends a request with a :class:`Problem`."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str = "",
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message or code.about)
        self.status = status
        self.problem = Problem(code=code, message=message or code.about, field=field)
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}


def unavailable(what: str) -> RefusedError:
    """Kafka or Redis does not serve: the caller is to try again."""
    return RefusedError(503, Code.UNAVAILABLE, f"{what} does not answer.", retry_after_s=2)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route, for OpenAPI: what else it may answer."""
    always = (400, 401, 403, 413, 429)
    return {
        status: {"model": Problem, "description": _ABOUT[status]}
        for status in sorted({*always, *statuses})
    }


_ABOUT: Mapping[int, str] = {
    400: "The body cannot be used; `field` names the part at fault. Nothing was taken.",
    401: "A credential is missing, unknown or expired.",
    403: "The credentials, or the page's origin, do not allow this.",
    404: "There is no such thing.",
    405: "This address does not take this method.",
    408: "The body did not come in time.",
    409: "The endpoint belongs to somebody else's subscription.",
    413: "The body is too large.",
    429: "Too many requests; `Retry-After` says when to come back.",
    503: "Kafka or Redis does not answer; nothing was lost if you try again.",
}
_CODES = {404: Code.NOT_FOUND, 405: Code.METHOD}


def invalid(error: ValidationError) -> RefusedError:
    """The first thing that is wrong, by its name."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    code = Code.BAD_JSON if first["type"] == "json_invalid" else Code.INVALID
    return RefusedError(400, code, first["msg"], field=field)


def install(app: FastAPI) -> None:
    """Every error leaves in one form."""
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


def answer(status: int, problem: Problem, headers: Mapping[str, str]) -> Response:
    return Response(
        orjson.dumps(problem.model_dump(mode="json", exclude_none=True)),
        status,
        headers,
        media_type="application/json",
    )


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return answer(error.status, error.problem, error.headers)


async def _unreadable(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    return answer(400, Problem(code=Code.INVALID, message=str(first["msg"]), field=field), {})


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, Code.INVALID)
    return answer(
        error.status_code, Problem(code=code, message=code.about), dict(error.headers or {})
    )


async def _defect(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path[:200], exc_info=error)
    return answer(500, Problem(code=Code.UNAVAILABLE, message="Something broke on our side."), {})
