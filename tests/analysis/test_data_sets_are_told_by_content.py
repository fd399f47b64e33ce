"""Data sets are told by their content, damage is told, and reading one runs nothing."""

import gzip
import json
import os
import pickle
import re
import struct
import unittest

from inputs import random_images
from support import RunTest

import numpy as np
from barydef import errors
from barydef.attack import datasets, presets


class Datasets(RunTest):
    def idx(self, folder, labels, gz=False):
        """An idx set of 28 x 28 images below the test's folder."""
        folder = os.path.join(self.folder, folder)
        os.makedirs(folder)
        for name, rank, data in (
            ("images-idx3", 3, np.zeros((len(labels), 28, 28))),
            ("labels-idx1", 1, np.array(labels)),
        ):
            content = (
                struct.pack(f">HBB{rank}I", 0, 8, rank, *data.shape)
                + data.astype(np.uint8).tobytes()
            )
            with (gzip.open if gz else open)(
                os.path.join(folder, f"t10k-{name}-ubyte" + ".gz" * gz), "wb"
            ) as file:
                file.write(content)
        return folder

    def test_sets_are_told_by_content_else_by_their_own_name(self):
        few = [1, 2, 3]
        self.idx("fashion project/MNIST/raw", few)
        self.idx("fashion project/digits/raw", datasets.FIRST["mnist"] + few)
        self.idx("fashion project/mnist/raw", datasets.FIRST["fashion_mnist"] + few, gz=True)
        self.idx("fashion project/Fashion-MNIST/raw", few)
        self.idx("fashion project/letters/raw", few)
        for folder, name, how in (
            ("MNIST", "mnist", "by its folder's name"),
            ("digits", "mnist", "by its labels"),
            ("mnist", "fashion_mnist", "by its labels"),
            ("Fashion-MNIST", "fashion_mnist", "by its folder's name"),
            ("letters", "letters", "by its folder's name"),
            ("MNIST/raw", "raw", "by its folder's name"),
        ):
            self.assertEqual(
                datasets.read(os.path.join(self.folder, "fashion project", folder))[:2], (name, how)
            )
        path = os.path.join(self.folder, "fashion project", "x.npz")
        for arrays, name in (
            ({}, "x"),
            ({"attributes": json.dumps({"dataset": "CIFAR-10"})}, "CIFAR-10"),
        ):
            np.savez(path, x_test=random_images(3), y_test=few, **arrays)
            self.assertEqual(datasets.read(path)[0], name)
        self.assertEqual(
            datasets.read(path, "Fashion MNIST")[:2], ("fashion_mnist", "by --dataset")
        )
        self.assertEqual(
            [
                presets.preset_of(name, 3)
                for name in ("Fashion-MNIST", "my fashion mnist", "CIFAR100")
            ],
            ["fashion_mnist", "cifar10", "cifar100"],
        )

    def test_several_below_a_folder_need_a_choice(self):
        """torchvision keeps all its sets below one root, and none is taken by chance."""
        few = [1, 2, 3]
        self.idx("root/MNIST/raw", few)
        self.idx("root/FashionMNIST/raw", few + few)
        root = os.path.join(self.folder, "root")
        self.assertRaisesRegex(
            errors.Unsuitable,
            "fashion_mnist in .*FashionMNIST/raw, mnist in .*--dataset or its own folder chooses",
            datasets.read,
            root,
        )
        self.assertEqual(
            [len(datasets.read(root, name)[3]) for name in ("MNIST", "fashion_mnist")], [3, 6]
        )

    def test_damaged_or_missing_files_are_refused(self):
        folder = self.idx("torn", [1, 2, 3], gz=True)
        path = os.path.join(folder, "t10k-images-idx3-ubyte.gz")
        for damage in (
            lambda data: data[:-9],
            lambda data: data[:20] + bytes(9) + data[29:],
            lambda data: b"none",
        ):
            with open(path, "rb") as file:
                data = file.read()
            with open(path, "wb") as file:
                file.write(damage(data))
            self.assertRaisesRegex(
                errors.Unsuitable,
                "t10k-images-idx3-ubyte.gz: not an idx file",
                datasets.read,
                folder,
            )
            with open(path, "wb") as file:
                file.write(data)
        with open(
            os.path.join(self.idx("counts", [1, 2, 3]), "t10k-labels-idx1-ubyte"), "wb"
        ) as file:
            file.write(struct.pack(">HBBI", 0, 8, 1, 4) + bytes(4))
        self.assertRaisesRegex(
            errors.Unsuitable,
            "3 images, but 4 labels",
            datasets.read,
            os.path.join(self.folder, "counts"),
        )
        batch, npz = os.path.join(self.folder, "cifar", "test_batch"), os.path.join(
            self.folder, "broken.npz"
        )
        os.makedirs(os.path.dirname(batch))
        for content in (
            b"",
            b"no pickle",
            pickle.dumps({b"labels": [1]}),
            pickle.dumps({b"data": np.zeros(5), b"labels": [1]}, protocol=2),
        ):
            with open(batch, "wb") as file:
                file.write(content)
            self.assertRaisesRegex(
                errors.Unsuitable,
                "test_batch: not a CIFAR batch, or damaged",
                datasets.read,
                os.path.dirname(batch),
            )
        np.savez_compressed(npz, images=random_images(9), labels=np.arange(9))
        with open(npz, "rb") as file:
            whole = file.read()
        for content in b"", b"PK\3\4", whole[:-40], whole[:200] + bytes(99) + whole[299:]:
            with open(npz, "wb") as file:
                file.write(content)
            self.assertRaisesRegex(
                errors.Unsuitable,
                "broken.npz: not a file of numbers that can be read, or damaged",
                datasets.read,
                npz,
            )
        self.assertRaisesRegex(
            errors.Unsuitable,
            "neither a folder nor an .npz",
            datasets.read,
            os.path.join(self.folder, "nowhere"),
        )
        os.makedirs(os.path.join(self.folder, "empty"))
        self.assertRaisesRegex(
            errors.Unsuitable, "neither MNIST's", datasets.read, os.path.join(self.folder, "empty")
        )

    def test_mnist_and_cifar_folders_are_read(self):
        images, labels = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28), np.array(
            [3, 4], np.uint8
        )
        folder = os.path.join(self.folder, "MNIST", "raw")
        os.makedirs(folder)
        with open(os.path.join(folder, "t10k-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(">HBB3I", 0, 8, 3, 2, 28, 28) + images.tobytes())
        with open(os.path.join(folder, "t10k-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">HBBI", 0, 8, 1, 2) + labels.tobytes())
        name, _, read, numbers = datasets.read(os.path.join(self.folder, "MNIST"))
        self.assertEqual(name, "mnist")
        np.testing.assert_array_equal(read[:, 0], images)
        np.testing.assert_array_equal(numbers, labels)
        for name, file_name, key, core in (
            ("cifar10", "test_batch", b"labels", b"core"),
            ("cifar100", "test", b"fine_labels", b"_core"),
        ):
            folder = os.path.join(self.folder, name)
            os.makedirs(folder)
            data = np.arange(3 * 3072, dtype=np.uint8).reshape(3, 3072)
            written = pickle.dumps({b"data": data, key: [1, 2, 3]}, protocol=2)
            # The name that numpy 1 writes, and that of numpy 2.
            written = re.sub(rb"cnumpy\._?core", b"cnumpy." + core, written)
            self.assertIn(b"numpy." + core + b".multiarray", written)
            with open(os.path.join(folder, file_name), "wb") as file:
                file.write(written)
            found, _, read, numbers = datasets.read(folder)
            self.assertEqual((found, read.shape, list(numbers)), (name, (3, 3, 32, 32), [1, 2, 3]))
            np.testing.assert_array_equal(read.reshape(3, -1), data)

    def test_a_pickle_runs_nothing(self):
        class Bomb:
            def __reduce__(self):
                return os.system, ("touch " + self.mark,)

        folder = os.path.join(self.folder, "bomb")
        os.makedirs(folder)
        bomb = Bomb()
        Bomb.mark = os.path.join(self.folder, "exploded")
        with open(os.path.join(folder, "test_batch"), "wb") as file:
            pickle.dump({b"data": bomb}, file, protocol=2)
        self.assertRaisesRegex(errors.Unsuitable, "not a CIFAR batch", datasets.read, folder)
        self.assertFalse(os.path.exists(Bomb.mark))


if __name__ == "__main__":
    unittest.main()
