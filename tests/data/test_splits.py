"""Parts of a data set: fixed, disjoint, and the same whatever number is trained on."""

from __future__ import annotations

import pytest
import torch

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches, in_order, prefetched
from dna_deploy.data.config import DataConfig
from dna_deploy.data.randomness import generator
from dna_deploy.data.splits import divide
from dna_deploy.errors import UsageError
from tests.toy import toy_data, toy_dataset


def test_parts_are_disjoint_and_held_out_images_do_not_depend_on_how_many_are_trained_on() -> None:
    few, many = (divide(toy_dataset(), DataConfig(train_images=count)) for count in (20, 60))
    assert few.counts == {"train": 20, "rating": 12, "validation": 12, "test": 120}
    parts = [set(split.indices.tolist()) for split in (many.train, many.rating, many.validation)]
    assert len(set.union(*parts)) == 60 + 12 + 12
    assert torch.equal(few.rating.indices, many.rating.indices)
    assert torch.equal(few.train.indices, many.train.indices[:20])


def test_the_digest_names_images_and_parts() -> None:
    digests = {divide(toy_dataset(images), DataConfig(train_images=train, seed=seed)).digest
               for images, train, seed in ((120, 20, 0), (120, 21, 0), (120, 20, 1), (119, 20, 0))}  # fmt: skip
    assert len(digests) == 4


def test_too_few_images_are_counted_out() -> None:
    with pytest.raises(UsageError, match=r"120 training images; 203 are asked for \(1 train, 2 rating, 200 validation\)"):
        divide(toy_dataset(), DataConfig(rating_images=2, validation_images=200))


def test_any_step_gives_the_same_batch_without_those_before_it() -> None:
    data = toy_data()
    batches = TrainingBatches(data.train, data.normalisation, Augmentation(), 16, seed=3)
    later = batches.at(7)
    assert batches.steps_per_epoch == 3
    assert torch.equal(later.inputs, batches.at(7).inputs)
    assert not torch.equal(batches.at(0).positions, batches.at(3).positions)


def test_threads_that_prepare_batches_ahead_change_nothing() -> None:
    data = toy_data()
    batches = TrainingBatches(data.train, data.normalisation, Augmentation(crop=0.5), 16, seed=3)
    plain, ahead = (list(prefetched(batches.at, range(2, 9), workers)) for workers in (0, 3))
    assert [torch.equal(one.inputs, other.inputs) for one, other in zip(plain, ahead, strict=True)] == [True] * 7
    next(prefetched(batches.at, range(100), 2)).labels()  # who stops early leaves no thread behind that fails later


def test_an_epoch_sees_every_image_once() -> None:
    data = toy_data()
    batches = TrainingBatches(data.train, data.normalisation, Augmentation(shift=0, flip=False), 16, seed=0)
    seen = torch.cat([batches.at(step).positions for step in range(3, 6)])
    assert sorted(seen.tolist()) == list(range(48))


def test_images_in_order_are_normalised_and_keep_their_labels() -> None:
    data = toy_data()
    found = list(in_order(data.validation, data, 20))
    assert [len(batch.inputs) for batch in found] == [20, 12]
    raw = data.validation.images(torch.arange(32)).float()
    torch.testing.assert_close(torch.cat([batch.inputs for batch in found]), (raw / 255 - 0.5) / 0.25)
    assert torch.equal(torch.cat([batch.labels() for batch in found]), data.validation.labels(torch.arange(32)))


def test_a_shift_moves_whole_pixels_and_a_flip_mirrors() -> None:
    image = torch.arange(25, dtype=torch.uint8).reshape(1, 1, 5, 5) + 1
    shifted = {Augmentation(shift=1, flip=False)(image, generator(seed)).numpy().tobytes() for seed in range(60)}
    assert len(shifted) == 9
    flipped = {Augmentation(shift=0, flip=True)(image, generator(seed)).numpy().tobytes() for seed in range(20)}
    assert flipped == {image.numpy().tobytes(), image.flip(3).contiguous().numpy().tobytes()}
    assert torch.equal(Augmentation(shift=0, flip=False)(image, generator(0)), image)


def test_a_random_crop_shows_a_part_of_the_picture_stretched_to_the_whole() -> None:
    ramp = (torch.arange(64, dtype=torch.uint8) * 4).expand(50, 1, 64, 64)
    crops = Augmentation(shift=0, flip=False, crop=0.25)(ramp, generator(0)).float()
    assert (crops.shape, ramp.shape) == ((50, 1, 64, 64), (50, 1, 64, 64))
    spans = (crops[:, 0, 0, -1] - crops[:, 0, 0, 0]) / 252
    assert 0.4 < float(spans.min()) < 0.6 < float(spans.max()) <= 1
    assert float((crops[:, :, 1:] - crops[:, :, :-1]).abs().max()) == 0
    assert len({float(left) for left in crops[:, 0, 0, 0]}) > 25
