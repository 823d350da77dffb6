"""Shapes of people, devices and sign-in."""

from core.shapes import Shape, date_, flag, ident, listed, moment, nested, number, real, text
from people.models import DeviceState, Role, TechnicianKind


class Skill(Shape):
    """One thing a technician can do, how well, and until when a certificate says so."""

    code = text(required=True, most=40)
    level = number(required=True, least=1, most=5)
    expires_on = date_(none=True)


class TechnicianView(Shape):
    """A field engineer."""

    id = ident()
    version = number()
    no = text()
    name = text()
    phone = text()
    skills = listed(Skill)
    home_lat = real()
    home_lng = real()
    shift_from = text()
    shift_to = text()
    days = listed(number())
    van_place_id = ident(none=True)


class TechnicianLine(TechnicianView):
    """A field engineer as the office knows them; phones hold less."""

    territories = listed(text())
    kind = text(one_of=[kind.value for kind in TechnicianKind])
    hourly_cost_micro = number()


class TerritoryView(Shape):
    """A part of the map."""

    id = ident()
    version = number()
    name = text()


class TerritoryIn(Shape):
    """What a territory is called."""

    name = text(required=True, most=80)


class Territories(Shape):
    """In which territories somebody works; none means everywhere."""

    territories = listed(text(most=80), required=True, most=100)


class Hiring(Shape):
    """Whether somebody is ours or is called in, and then for how much an hour."""

    kind = text(required=True, one_of=[kind.value for kind in TechnicianKind])
    hourly_cost_micro = number(default=0, least=0)


class OrganisationView(Shape):
    """The company one works for."""

    id = ident()
    name = text()
    timezone = text()
    currency = text()
    language = text()


class AccountView(Shape):
    """Who is signed in."""

    id = ident()
    name = text()
    email = text()
    roles = listed(text(one_of=[role.value for role in Role]))
    language = text()
    technician_id = ident(none=True)
    organisation = nested(OrganisationView)


class AccountLine(Shape):
    """An account in the list of accounts."""

    id = ident()
    version = number()
    name = text()
    email = text()
    roles = listed(text(one_of=[role.value for role in Role]))
    language = text()
    active = flag()


class DeviceIn(Shape):
    """The installation that signs in."""

    id = ident(required=True)
    name = text(required=True, most=100)
    platform = text(required=True, most=100)
    app_version = text(required=True, most=40)
    schema = number(required=True, least=0, most=1000)


class SignIn(Shape):
    """An e-mail address, a password, and optionally the device."""

    email = text(required=True, most=254)
    password = text(required=True, most=1000, trimmed=False)
    device = nested(DeviceIn, none=True)
    cookies = flag(default=False)


class Refresh(Shape):
    """A refresh token; the browser sends it as a cookie instead."""

    refresh_token = text(most=200)


class SessionView(Shape):
    """A sign-in: who, and the tokens when they are not in cookies."""

    account = nested(AccountView)
    access_token = text(none=True)
    refresh_token = text(none=True)
    csrf_token = text(none=True)
    expires_in = number()


class DeviceView(Shape):
    """A device as the dispatcher sees it."""

    id = ident()
    name = text()
    account_id = ident()
    account_name = text()
    platform = text()
    app_version = text()
    schema = number()
    state = text(one_of=[state.value for state in DeviceState])
    registered_at = moment()
    last_contact_at = moment()
    last_pull_at = moment(none=True)
    unsent = number()
    clock_offset_ms = number()
    clock_flagged = flag()
    diverged_at = moment(none=True)
    wiped_at = moment(none=True)


class DeviceStateIn(Shape):
    """What a device may do from now on."""

    state = text(required=True, one_of=[state.value for state in DeviceState])
