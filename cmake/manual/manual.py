"""Write the manual pages and the completion of bash below a folder, as they are installed below
share.

    manual.py PROGRAM FOLDER

Needs Python and none of its packages."""

import os
import sys

import completion
import pages
import texts


def main():
    program, folder = sys.argv[1:]
    known = texts.everything(program)
    made = {f"man/{name}": text for name, text in pages.pages(known).items()}
    made["bash-completion/completions/barydef"] = completion.bash(known)
    for name, text in made.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
