from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.api_error_parameters_item import ApiErrorParametersItem
    from ..models.bad_request_detail import BadRequestDetail


T = TypeVar("T", bound="ApiError")


@_attrs_define
class ApiError:
    """What Atlas says when it refuses or fails."""

    bad_request_detail: BadRequestDetail | None | Unset = UNSET
    """ Which fields of the request are wrong, where that is the error. """
    detail: None | str | Unset = UNSET
    """ What happened. """
    error: int | None | Unset = UNSET
    """ The HTTP status. """
    error_code: None | str | Unset = UNSET
    """ The error as a code: NOT_FOUND, RATE_LIMITED and many more. """
    parameters: list[ApiErrorParametersItem] | None | Unset = UNSET
    """ What `detail` is about. """
    reason: None | str | Unset = UNSET
    """ Name of the HTTP status. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.bad_request_detail import BadRequestDetail  # noqa: PLC0415

        bad_request_detail: dict[str, Any] | None | Unset
        if isinstance(self.bad_request_detail, Unset):
            bad_request_detail = UNSET
        elif isinstance(self.bad_request_detail, BadRequestDetail):
            bad_request_detail = self.bad_request_detail.to_dict()
        else:
            bad_request_detail = self.bad_request_detail

        detail: None | str | Unset
        if isinstance(self.detail, Unset):
            detail = UNSET
        else:
            detail = self.detail

        error: int | None | Unset
        if isinstance(self.error, Unset):
            error = UNSET
        else:
            error = self.error

        error_code: None | str | Unset
        if isinstance(self.error_code, Unset):
            error_code = UNSET
        else:
            error_code = self.error_code

        parameters: list[dict[str, Any]] | None | Unset
        if isinstance(self.parameters, Unset):
            parameters = UNSET
        elif isinstance(self.parameters, list):
            parameters = []
            for parameters_type_0_item_data in self.parameters:
                parameters_type_0_item = parameters_type_0_item_data.to_dict()
                parameters.append(parameters_type_0_item)

        else:
            parameters = self.parameters

        reason: None | str | Unset
        if isinstance(self.reason, Unset):
            reason = UNSET
        else:
            reason = self.reason

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if bad_request_detail is not UNSET:
            field_dict["badRequestDetail"] = bad_request_detail
        if detail is not UNSET:
            field_dict["detail"] = detail
        if error is not UNSET:
            field_dict["error"] = error
        if error_code is not UNSET:
            field_dict["errorCode"] = error_code
        if parameters is not UNSET:
            field_dict["parameters"] = parameters
        if reason is not UNSET:
            field_dict["reason"] = reason

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.api_error_parameters_item import ApiErrorParametersItem  # noqa: PLC0415
        from ..models.bad_request_detail import BadRequestDetail  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_bad_request_detail(data: object) -> BadRequestDetail | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                bad_request_detail_type_1 = BadRequestDetail.from_dict(data)

                return bad_request_detail_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BadRequestDetail | None | Unset, data)

        bad_request_detail = _parse_bad_request_detail(d.pop("badRequestDetail", UNSET))

        def _parse_detail(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        detail = _parse_detail(d.pop("detail", UNSET))

        def _parse_error(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        error = _parse_error(d.pop("error", UNSET))

        def _parse_error_code(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        error_code = _parse_error_code(d.pop("errorCode", UNSET))

        def _parse_parameters(data: object) -> list[ApiErrorParametersItem] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                parameters_type_0 = []
                _parameters_type_0 = data
                for parameters_type_0_item_data in _parameters_type_0:
                    parameters_type_0_item = ApiErrorParametersItem.from_dict(parameters_type_0_item_data)

                    parameters_type_0.append(parameters_type_0_item)

                return parameters_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[ApiErrorParametersItem] | None | Unset, data)

        parameters = _parse_parameters(d.pop("parameters", UNSET))

        def _parse_reason(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reason = _parse_reason(d.pop("reason", UNSET))

        api_error = cls(
            bad_request_detail=bad_request_detail,
            detail=detail,
            error=error,
            error_code=error_code,
            parameters=parameters,
            reason=reason,
        )

        api_error.additional_properties = d
        return api_error

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
