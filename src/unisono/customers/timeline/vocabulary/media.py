"""Video and audio, as the Segment video spec names them. Positions and lengths are in seconds."""

from __future__ import annotations

from functools import partial

from unisono.customers.timeline.vocabulary.model import EventSpec, Facts, Family, Flag, Id, Number, Text


class Playback(Facts, frozen=True, kw_only=True):
    """The player."""

    session_id: Id | None = None
    content_asset_id: Id | None = None
    content_asset_ids: list[str] | None = None
    content_pod_id: Id | None = None
    content_pod_ids: list[str] | None = None
    ad_asset_id: list[str] | Id | None = None
    ad_asset_ids: list[str] | None = None
    ad_pod_id: list[str] | Id | None = None
    ad_pod_ids: list[str] | None = None
    ad_type: list[str] | Text | None = None
    ad_types: list[str] | None = None
    position: Number | None = None
    seek_position: Number | None = None
    total_length: Number | None = None
    bitrate: Number | None = None
    framerate: Number | None = None
    video_player: Text | None = None
    sound: Number | None = None
    full_screen: Flag | None = None
    ad_enabled: Flag | None = None
    quality: Text | None = None
    livestream: Flag | None = None
    method: Text | None = None


class Content(Facts, frozen=True, kw_only=True):
    """What is played: a programme or an advertisement."""

    session_id: Id | None = None
    asset_id: Id | None = None
    pod_id: Id | None = None
    type: Text | None = None
    title: Text | None = None
    description: Text | None = None
    program: Text | None = None
    season: Text | None = None
    episode: Text | None = None
    genre: Text | None = None
    publisher: Text | None = None
    channel: Text | None = None
    airdate: Text | None = None
    keywords: list[str] | None = None
    position: Number | None = None
    total_length: Number | None = None
    full_episode: Flag | None = None
    livestream: Flag | None = None
    load_type: Text | None = None


_MOMENTS = (
    ("Started", "started", "Started the video", "Ha avviato il video", "avviato"),
    ("Paused", "was paused", "Paused the video", "Ha messo in pausa il video", "in pausa"),
    ("Interrupted", "was interrupted", "The video was interrupted", "Il video si è interrotto", "interrotto"),
    ("Resumed", "went on", "Resumed the video", "Ha ripreso il video", "ripreso"),
    ("Completed", "came to its end", "Saw the video to the end", "Ha visto tutto il video", "completato"),
    ("Exited", "was closed", "Closed the video", "Ha chiuso il video", "chiuso"),
    ("Buffer Started", "began to wait for data", "The video is loading", "Il video sta caricando", "in attesa"),
    ("Buffer Completed", "had its data", "The video has loaded", "Il video ha caricato", "caricato"),
    ("Seek Started", "began to move", "Moves along the video", "Si sposta nel video", "in spostamento"),
    ("Seek Completed", "moved", "Moved along the video", "Ha cambiato punto nel video", "spostato"),
)
_STAGES = (
    ("Started", "began", "Started watching", "Ha iniziato a guardare", "iniziato"),
    ("Playing", "is going on", "Is watching", "Sta guardando", "in corso"),
    ("Completed", "came to its end", "Watched", "Ha guardato", "finito"),
)

_event = partial(EventSpec, family=Family.MEDIA)

EVENTS = (
    *(
        _event(
            name=f"Video Playback {moment}",
            schema=Playback,
            description=f"The playback of a video {then}.",
            label_it=f"Video {label}",
            says_en=en,
            says_it=it,
        )
        for moment, then, en, it, label in _MOMENTS
    ),
    *(
        _event(
            name=f"Video {thing} {stage}",
            schema=Content,
            description=f"{article} in a video {then}.",
            label_it=f"{thing_it} {label}",
            says_en=f"{en} {{title}}|{en} {one_en}",
            says_it=f"{it} {{title}}|{it} {one_it}",
        )
        for thing, article, thing_it, one_en, one_it in (
            ("Content", "A programme", "Contenuto", "a programme", "un contenuto"),
            ("Ad", "An advertisement", "Spot", "an advertisement", "uno spot"),
        )
        for stage, then, en, it, label in _STAGES
    ),
)
