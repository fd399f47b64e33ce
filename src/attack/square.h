/* Square Attack: Andriushchenko, Croce, Flammarion and Hein, "Square attack: a query-efficient
   black-box adversarial attack via random search", ECCV 2020; defaults of AutoAttack standard.

   It asks for logits alone.  From a random start (stripes of the image plus or minus epsilon for
   linf, a grid of hills for l2) it tries 5,000 random changes of a square, steps of them if the
   options say so, and keeps one that lowers the margin of the label.  An image is done when it is
   misclassified, and is stored then; all others are stored clean.  The squares begin with 0.8 of
   the image's pixels, and the share is halved at queries 10, 50, 200, 500, 1,000, 2,000, 4,000,
   6,000 and 8,000, whatever the number of queries.

   Squares may lie at all places, as in the paper; AutoAttack leaves out the last row and column of
   places.  Each image has squares of its own, while AutoAttack draws one for all images of a batch.
   The margin is what is lowered, whatever the option loss says; step_size means nothing here. */
#ifndef BD_ATTACK_SQUARE_H
#define BD_ATTACK_SQUARE_H

/* The defaults. */
enum { square_queries = 5000 };

#endif
